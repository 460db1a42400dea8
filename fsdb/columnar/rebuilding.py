"""Making a copy anew from history, and putting it in the old one's place at once."""

import logging
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.types import NestedField

from fsdb import db
from fsdb.access import erasures
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.columnar import table
from fsdb.columnar.contents import FIELD_ID, batches
from fsdb.columnar.files import FileWriter
from fsdb.columnar.iceberg import data_files, reading
from fsdb.columnar.result import Progress, SetSync, SyncResult
from fsdb.columnar.schema import note
from fsdb.columnar.syncing import fill
from fsdb.columnar.types import same_digits
from fsdb.columnar.work import COPIES, SYNC, Work, working, writing
from fsdb.errors import CopyBroken
from fsdb.sql import query

logger = logging.getLogger(__name__)

NEW = ":new"  # follows a table's name while it is made; no set's name holds a colon


def rebuild(
    url: str, feature_set: str, *, warehouse: str | None = None, progress: Progress | None = None
) -> SyncResult:
    """What fsdb.columnar.rebuild does."""
    with working(url, warehouse) as work:
        registered = get_set(work.control, feature_set)
        with work.alone(feature_set):
            erased = erasures.pending_versions(work.control, feature_set)
            done = rebuild_set(work, registered, progress, erased)
            return SyncResult((done,), tuple(work.notices))


def rebuild_set(work: Work, registered: RegisteredSet, progress: Progress | None, erased: NDArray[np.int64]) -> SetSync:
    """Makes the copy anew for who is alone with it, without the versions that were erased."""
    begun, name = time.perf_counter(), registered.name
    partly = registered.reach is not None
    old = _old(work, registered) if partly else None
    new = work.created(registered, NEW)
    change = table.Change(new)
    taken = None if old is None else _Taken(work, registered, old, erased)
    filled = fill(work, registered, change, None, progress, taken)
    with writing(name):
        work.commit(name, change, filled.writer, lambda: change.append(filled.files, filled.watermark))
    _replace(work, registered)
    done = change.held(name, filled.rows, time.perf_counter() - begun)
    logger.info("Made the copy of %s again: %s versions in %.3f s.", name, done.rows, done.seconds)
    return done


def _old(work: Work, registered: RegisteredSet) -> IcebergTable:
    """The old copy, of which versions are needed that PostgreSQL has not any more. Raises CopyBroken where it cannot be read."""
    why = f"Versions of {registered.name} before {registered.reach} have left PostgreSQL, so its copy can only be made again from the old one"
    try:
        old = work.loaded(registered)
    except CopyBroken as error:
        raise CopyBroken(f"{why}, which cannot be read: restore its files from a backup. {error}") from error
    if old is None or old.metadata.current_snapshot() is None:
        raise CopyBroken(f"{why}, and there is none: restore the database from a backup that knows it.")
    return old


class _Taken:
    """Takes over from an old copy what PostgreSQL has not any more, but for what was erased."""

    def __init__(self, work: Work, registered: RegisteredSet, old: IcebergTable, erased: NDArray[np.int64]) -> None:
        self._work = work
        self._erased = erased
        self._set = registered
        self._old = old

    def __call__(self, writer: FileWriter, connection: Any) -> int:
        """Writes the old copy's versions that the transaction does not find in history; returns how many."""
        snapshot = self._old.metadata.current_snapshot()
        assert snapshot is not None
        known = np.concatenate([_version_ids(connection, self._set), self._erased])
        before = _matching(self._old.metadata.schema(), writer.fields)
        there = pa.schema(
            [
                field.with_metadata({FIELD_ID: str(-1 if old is None else old.field_id)})
                for field, old in zip(writer.schema, before, strict=True)
            ]
        )
        scales = _scales(before, writer.fields)
        taken = 0
        with reading(self._set.name, self._old.metadata_location):
            files = [file.file_path for file in data_files(self._old.io, snapshot)]
        for path in files:
            for batch in batches(self._old.io, path, there, self._set.name):
                numbers = batch.column("version_id").to_numpy()
                unknown = ~np.isin(numbers, known)
                if unknown.any():
                    rows = _digited(batch.filter(pa.array(unknown)), scales)
                    writer.write(pa.RecordBatch.from_arrays(rows.columns, schema=writer.schema))
                    known = np.concatenate([known, numbers[unknown]])
                    taken += rows.num_rows
        return taken


def _matching(schema: Schema, fields: Sequence[NestedField]) -> list[NestedField | None]:
    """The old table's field of each new one: ids are given anew in a new table, features keep theirs."""
    old = {_identity(field): field for field in schema.fields}
    return [old.get(_identity(field)) for field in fields]


def _identity(field: NestedField) -> int | str:
    found = note(field)
    return field.name if found is None or found.feature_id is None else found.feature_id


def _scales(before: Sequence[NestedField | None], fields: Sequence[NestedField]) -> dict[str, int]:
    """Columns whose numerics have other digits now than the old copy wrote, and how many after the point."""
    found = {}
    for old, field in zip(before, fields, strict=True):
        then, now = (note(old) if old is not None else None), note(field)
        if then is not None and now is not None and not same_digits(then.kind, now.kind):
            found[field.name] = int(now.kind.rstrip(")").rpartition(",")[2])
    return found


def _digited(rows: pa.RecordBatch, scales: dict[str, int]) -> pa.RecordBatch:
    for name, scale in scales.items():
        texts = [text if text in (None, "NaN") else f"{Decimal(text):.{scale}f}" for text in rows[name].to_pylist()]
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), pa.array(texts, pa.string()))
    return rows


def _version_ids(connection: psycopg.Connection[Any], registered: RegisteredSet) -> NDArray[np.int64]:
    """The version_ids that a transaction sees in history."""
    numbers = query(SYNC, "numbers", history=registered.history)
    with connection.cursor("fsdb_numbers") as cursor:
        cursor.itersize = 100_000
        cursor.execute(numbers)
        return np.fromiter((number for (number,) in cursor), np.int64)


def _replace(work: Work, registered: RegisteredSet) -> None:
    """Gives the new table the old one's name, in one transaction, and notes the old one's folder."""
    namespace, name = table.identifier(registered)
    with db.connect(work.url, "fsdb sync") as apart:
        named = {"namespace": namespace, "table": name, "old": name + NEW}
        row = apart.execute(query(COPIES, "take_out"), named).fetchone()
        apart.execute(query(COPIES, "rename_table"), named)
        apart.execute(query(COPIES, "forget_folders"), {"feature_set": registered.name})
        if row is not None:
            apart.execute(query(COPIES, "leave"), {"locations": [row[0]], "folder": True})
