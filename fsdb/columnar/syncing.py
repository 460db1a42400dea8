"""Bringing copies up to date: what history has and a copy lacks goes into new files, made seen by one commit with its watermark.

A sync that dies leaves files that nothing refers to, and a copy as it was: the watermark is in the same commit as the
files, so what was written is written once, and what was not is still in the tail.
"""

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection, IsolationLevel
from psycopg.sql import SQL, Composable, Identifier
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable

from fsdb import config, db
from fsdb.asof import snapshots
from fsdb.catalog.feature_sets import RegisteredSet, get_set, list_sets
from fsdb.columnar import moment, table
from fsdb.columnar.catalog import DatabaseCatalog, opened
from fsdb.columnar.files import FileWriter
from fsdb.columnar.result import Progress, SetSync, SyncResult
from fsdb.columnar.schema import FIXED, arrow_schema
from fsdb.columnar.watermark import NOTHING, Watermark
from fsdb.errors import ChangeRefused, FsdbError, InvalidData
from fsdb.exchange import copy_binary
from fsdb.sql import query
from fsdb.types import base_name

FILE = "columnar/sync"
COPIES = "columnar/copies"
MOVED = 1000  # versions by which the floor must have moved to be worth a commit without files
BUCKET_ROWS = 4_000_000
MOST_BUCKETS = 64
BUCKETED = ("smallint", "integer", "bigint", "text", "character varying", "uuid", "date", "timestamp with time zone")

FIXED_NAMES = frozenset(field.name for field in FIXED)


def sync(
    url: str,
    feature_sets: Sequence[str] | None = None,
    *,
    warehouse: str | None = None,
    progress: Progress | None = None,
) -> SyncResult:
    """What fsdb.columnar.sync does."""
    with working(url, warehouse) as work:
        chosen = (
            list_sets(work.control) if feature_sets is None else {n: get_set(work.control, n) for n in feature_sets}
        )
        work.forget_dropped()
        return SyncResult(tuple(work.sync(name, progress) for name in chosen))


@contextmanager
def working(url: str, warehouse: str | None = None) -> Iterator["Work"]:
    """What every work on copies needs: a connection and the catalog."""
    with psycopg.connect(url, autocommit=True, application_name="fsdb sync") as control:
        db.configure(control)
        with control.transaction():
            snapshots.adopt(control)
        with opened(url) as catalog:
            yield Work(url, control, catalog, config.warehouse(warehouse), table.own_folder(control))


class Work:
    """Work on the copies of one database."""

    def __init__(
        self, url: str, control: Connection[Any], catalog: DatabaseCatalog, warehouse: str, owner: str
    ) -> None:
        self.url = url
        self.control = control
        self.catalog = catalog
        self.warehouse = warehouse
        self.owner = owner

    @contextmanager
    def alone(self, feature_set: str) -> Iterator[None]:
        """Holds off every other work on this set's copy."""
        with self.control.transaction():
            self.control.execute(query(FILE, "patience"))
            self.control.execute(query(FILE, "one_at_a_time"), {"feature_set": feature_set})
            yield

    def sync(self, name: str, progress: Progress | None) -> SetSync:
        """Syncs one set."""
        begun = time.perf_counter()
        with self.alone(name):
            registered = list_sets(self.control, [name]).get(name)
            if registered is None:  # dropped while others were synced
                return SetSync(name, 0, 0, time.perf_counter() - begun)
            copy = self.loaded(registered) or self.created(registered)
            return self._filled(registered, copy, progress, begun)

    def loaded(self, registered: RegisteredSet) -> IcebergTable | None:
        """The Iceberg table of a set's copy; None where there is none yet."""
        claimed = self.control.execute(query(COPIES, "claimed"), {"feature_set": registered.name}).fetchone()
        if claimed != (True,):
            return None
        return table.load(self.catalog, table.identifier(registered), registered.name)

    def created(self, registered: RegisteredSet) -> IcebergTable:
        """A new, empty table for a set's copy."""
        name = table.identifier(registered)
        with psycopg.connect(self.url, autocommit=True) as apart:
            self.forget_dropped(name)
            apart.execute(
                query(COPIES, "claim"), {"feature_set": registered.name, "namespace": name[0], "table": name[1]}
            )
        with writing(registered.name):
            return table.create(self.catalog, name, registered, self.warehouse, self.owner, self._bucketed(registered))

    def forget_dropped(self, name: table.Identifier | None = None) -> list[str]:
        """Takes tables whose set is gone (that one, or all) out of the Iceberg catalog, and notes their folders for `expire`."""
        wanted = {"namespace": None, "table": None} if name is None else {"namespace": name[0], "table": name[1]}
        found = self.control.execute(query(COPIES, "abandoned"), wanted).fetchall()
        for namespace, gone in found:
            old = table.load(self.catalog, (namespace, gone), gone)
            if old is not None:
                self.leave([old.location()], folder=True)
                self.catalog.drop_table((namespace, gone))
        return [".".join(row) for row in found]

    def leave(self, locations: Sequence[str], folder: bool) -> None:
        """Notes files or folders that nothing will refer to, before that is so."""
        with psycopg.connect(self.url, autocommit=True) as apart:
            apart.execute(query(COPIES, "leave"), {"locations": list(locations), "folder": folder})

    def _filled(
        self, registered: RegisteredSet, copy: IcebergTable, progress: Progress | None, begun: float
    ) -> SetSync:
        before = table.watermark(copy)
        floor = moment.decided(self.control, registered)
        with psycopg.connect(self.url, application_name="fsdb sync") as reader, writing(registered.name):
            reader.isolation_level = IsolationLevel.REPEATABLE_READ
            reader.read_only = True
            reader.execute(query(FILE, "hold", history=registered.history))
            seen = moment.seen(reader, registered, before, floor)
            current = get_set(reader, registered.name)
            change = table.Change(copy)
            change.follow(current)
            change.move_to(self.warehouse, self.owner, current)
            writer = FileWriter(copy.io, change.metadata)
            try:
                about = seen.high - (seen.restored if before is None else before.floor)
                written = 0
                for batch in versions(reader, current, change.metadata.schema(), before):
                    writer.write(batch)
                    written += batch.num_rows
                    if progress is not None:
                        progress(current.name, written, max(about, written))
                files = writer.close()
            except BaseException:
                writer.abandon()
                raise
        if files or change.changed or before is None or seen.floor - before.floor >= MOVED:
            with writing(registered.name):
                self.commit(registered.name, change, writer, lambda: change.append(files, seen))
        return SetSync(registered.name, written, change.rows, time.perf_counter() - begun)

    def commit(self, feature_set: str, change: table.Change, writer: FileWriter, last: Callable[[], None]) -> None:
        """Commits a change; where that surely failed, its files are removed. Raises ChangeRefused where another process came first."""
        try:
            last()
            change.commit()
        except (CommitFailedException, OSError) as error:
            writer.abandon()
            change.discard()
            if isinstance(error, OSError):
                raise
            raise ChangeRefused(
                f"The columnar copy of {feature_set} was changed by another process meanwhile: sync it again. Nothing was written twice."
            ) from error

    def _bucketed(self, registered: RegisteredSet) -> tuple[str, int] | None:
        """The key column with the most distinct values, and how many buckets its values go to; None for a small set."""
        keys = [key for key, kind in registered.keys.items() if base_name(kind) in BUCKETED]
        given = {"schema": config.HISTORY_SCHEMA, "keys": keys, "history": moment.table_text(registered)}
        found = self.control.execute(query(FILE, "expected"), given).fetchall()
        rows = max(row[0] for row in found)
        buckets = 1
        while buckets < MOST_BUCKETS and buckets * BUCKET_ROWS < rows:
            buckets *= 2
        if buckets == 1 or not keys:
            return None
        distinct = {name: number if number >= 0 else -number * rows for _, name, number in found if name is not None}
        return max(keys, key=lambda key: distinct.get(key, 0)), buckets


def versions(
    connection: Connection[Any], registered: RegisteredSet, schema: Schema, before: Watermark | None
) -> Iterator[pa.RecordBatch]:
    """The versions that a transaction sees and a copy lacks, in the copy's columns. Raises InvalidData for times that Arrow cannot hold."""
    kinds = {**registered.keys, **{f.history_column: f.type for f in registered.features + registered.dropped_features}}
    columns = arrow_schema(schema)
    expressions = [_expression(field, kinds) for field in columns]
    condition = NOTHING if before is None else before.tail("version")
    source = query(FILE, "versions", history=registered.history, condition=condition)
    try:
        yield from copy_binary.stream(connection, columns, expressions, source)
    except copy_binary.OutOfRange as error:
        raise InvalidData(
            f"Column {columns[error.column].name!r} of {registered.name} holds a time beyond the year 294246, which a columnar copy cannot hold. Nothing was written; the database is as it was."
        ) from error


def _expression(field: pa.Field, kinds: Mapping[str, str]) -> Composable:
    """A column of history as a field of the copy takes it."""
    kind = kinds.get(field.name)
    value = Identifier("version", field.name)
    if kind is None:
        return value if field.name in FIXED_NAMES else SQL("NULL")
    plain = base_name(kind)
    if pa.types.is_string(field.type) or pa.types.is_list(field.type):
        return value if plain in ("text", "character varying") else query(FILE, "as_text", value=value)
    if field.type == pa.int32() and plain != "integer":
        return query(FILE, "as_integer", value=value)
    if field.type == pa.int64() and plain != "bigint":
        return query(FILE, "as_bigint", value=value)
    if field.type == pa.float64() and plain != "double precision":
        return query(FILE, "as_float", value=value)
    return value


@contextmanager
def writing(feature_set: str) -> Iterator[None]:
    """Says a place that cannot be written in the project's words."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "the disk is full" if full else str(error)
        raise FsdbError(
            f"The columnar copy of {feature_set} could not be written: {reason}. The copy and the database are as they were; make room or choose another place with FSDB_WAREHOUSE, and sync again."
        ) from error
