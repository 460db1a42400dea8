"""What every work on copies needs: connections, the Iceberg catalog, and a way to be alone with a copy."""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import Connection
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table as IcebergTable

from fsdb import config, db, rights
from fsdb.access.rows import require_all
from fsdb.asof import snapshots
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar import moment, table, turns
from fsdb.columnar.catalog import DatabaseCatalog, opened
from fsdb.columnar.claims import claim
from fsdb.columnar.files import FileWriter
from fsdb.columnar.folders import own_folder, parent
from fsdb.columnar.places import Outside, is_table_of
from fsdb.columnar.reading import AWAY, broken, check_files, lost, read_copy, server_lost
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.sql import query
from fsdb.types import base_name

logger = logging.getLogger(__name__)

SYNC = "columnar/sync"
COPIES = "columnar/copies"
BUCKET_ROWS = 4_000_000
MOST_BUCKETS = 64
BUCKETED = ("smallint", "integer", "bigint", "text", "character varying", "uuid", "date", "timestamp with time zone")


@contextmanager
def working(url: str, warehouse: str | None = None) -> Iterator["Work"]:
    """What every work on copies needs: a connection and the catalog. Raises ConnectionFailed where the server is lost."""
    try:
        with db.connect(url, "fsdb sync", autocommit=True) as control:
            with control.transaction():
                snapshots.adopt(control)
            with opened(url) as catalog:
                yield Work(url, control, catalog, config.warehouse(warehouse), own_folder(control))
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise rights.explained(url, cause) from error
        if not isinstance(cause, psycopg.Error) or not db.went_away(cause):
            said = db.explained(url, cause) if isinstance(cause, psycopg.Error) else None
            if said is None:
                raise
            raise said from error
        raise server_lost(cause) from error


# What readers of the formats raise for a manifest that is none.
UNREADABLE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError),
    *(LookupError, RecursionError, TypeError, ValueError),
)


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
        self.notices: list[str] = []
        self._claimed: set[str] = set()

    @contextmanager
    def alone(self, feature_set: str) -> Iterator[None]:
        """Holds off every other work on this set's copy."""
        with self.control.transaction():
            self.control.execute(query(SYNC, "patience"))
            turns.take(self.control, feature_set)
            require_all(self.control, [feature_set], f"Work on the columnar copy of {feature_set}")
            yield

    def loaded(self, registered: RegisteredSet) -> IcebergTable | None:
        """The Iceberg table of a set's copy; None where there is none yet."""
        claimed = self.control.execute(query(COPIES, "claimed"), {"feature_set": registered.name}).fetchone()
        if claimed != (True,):
            return None
        return table.load(self.catalog, table.identifier(registered), registered.name)

    def check_files(self, registered: RegisteredSet) -> None:
        """Raises CopyBroken where a file of a set's copy is gone: what a sync adds to it would not be read either."""
        copy = read_copy(self.control, registered.name)
        if copy is not None:
            check_files(copy)

    def created(self, registered: RegisteredSet, suffix: str = "") -> IcebergTable:
        """A new, empty table for a set's copy; under another name with a suffix."""
        if registered.reach is not None and not suffix:
            raise lost(registered.name, registered.reach)
        namespace, own = table.identifier(registered)
        name = (namespace, own + suffix)
        with db.connect(self.url, "fsdb sync", autocommit=True) as apart:
            self.forget_dropped(name)
            apart.execute(
                query(COPIES, "claim"), {"feature_set": registered.name, "namespace": namespace, "table": own}
            )
        with writing(registered.name):
            while not self.owns(f"{self.warehouse}/{self.owner}/{registered.history_table}"):
                pass  # a clone has gone on with the folder: this database has another one now
            return table.create(self.catalog, name, registered, self.warehouse, self.owner, self.bucketed(registered))

    def forget_dropped(self, name: table.Identifier | None = None) -> None:
        """Takes tables whose set is gone (that one, or all) out of the Iceberg catalog, and notes their folders for `expire`."""
        wanted = {"namespace": None, "table": None} if name is None else {"namespace": name[0], "table": name[1]}
        found = self.control.execute(query(COPIES, "abandoned"), wanted).fetchall()
        for namespace, gone in found:
            with db.connect(self.url, "fsdb sync") as apart:
                row = apart.execute(query(COPIES, "take_out"), {"namespace": namespace, "table": gone}).fetchone()
                if row is not None:
                    apart.execute(query(COPIES, "leave"), {"locations": [row[0]], "folder": True})

    def owns(self, location: str) -> bool:
        """Whether a table's folder is this database's; where a clone has gone on with it, this database takes a new one from here on."""
        folder = parent(location)
        if not folder.endswith(f"/{self.owner}") or not is_table_of(location, folder) or not self._is_known(folder):
            return False
        if folder not in self._claimed:
            if not claim(self.url, folder):
                self.owner = own_folder(self.control, other_than=self.owner)
                return False
            self._claimed.add(folder)
        return True

    def _is_known(self, folder: str) -> bool:
        """Whether this database has worked in a folder, or is about to by its settings: a row or a metadata file may name any."""
        if folder in self._claimed or folder == f"{self.warehouse}/{self.owner}":
            return True
        return (folder,) in self.control.execute(query(COPIES, "claimed_folders")).fetchall()

    def settle(self, change: table.Change, registered: RegisteredSet) -> None:
        """Makes sure that a change writes into this database's folder: else into a new one of it, and says so."""
        before = change.metadata.location
        while not (
            change.metadata.properties.get(table.OWNER_PROPERTY) == self.owner and self.owns(change.metadata.location)
        ):
            with db.connect(self.url, "fsdb sync", autocommit=True) as apart:
                left = {"feature_set": registered.name, "folder": before.rstrip("/")}
                apart.execute(query(COPIES, "leave_folder"), left)
            change.move_to(self.warehouse, self.owner, registered)
        if change.metadata.location != before and change.metadata.current_snapshot() is not None:
            self.noticed(
                f"The columnar copy of {registered.name} is in the folder of a database that this one was restored or cloned from ({before}). What is new goes to {change.metadata.location}; fsdb sync --rebuild {registered.name} brings all of it there."
            )

    def noticed(self, sentence: str) -> None:
        """Keeps what the caller should know."""
        self.notices.append(sentence)
        logger.warning("%s", sentence)

    def leave(self, locations: Sequence[str], folder: bool) -> None:
        """Notes files or folders that nothing will refer to, before that is so."""
        with db.connect(self.url, "fsdb sync", autocommit=True) as apart:
            apart.execute(query(COPIES, "leave"), {"locations": list(locations), "folder": folder})

    def commit(self, feature_set: str, change: table.Change, writer: FileWriter, last: Callable[[], None]) -> None:
        """Commits a change; where that surely failed, its files are removed. Raises ChangeRefused where another process came first."""
        try:
            last()
            change.commit()
        except (psycopg.Error, sa.exc.SQLAlchemyError, FsdbError):
            raise
        except (CommitFailedException, OSError) as error:
            writer.abandon()
            change.discard()
            if isinstance(error, OSError):
                raise
            raise ChangeRefused(
                f"The columnar copy of {feature_set} was changed by another process meanwhile: sync it again. Nothing was written twice."
            ) from error
        except (
            UNREADABLE
        ) as error:  # its files stay: that it did not commit is not sure, and what nothing names expires
            raise broken(feature_set, "a manifest", f"is not readable ({error})") from error

    def bucketed(self, registered: RegisteredSet) -> tuple[str, int] | None:
        """The key column with the most distinct values, and how many buckets its values go to; None for a small set."""
        keys = [key for key, kind in registered.keys.items() if base_name(kind) in BUCKETED]
        given = {"schema": config.HISTORY_SCHEMA, "keys": keys, "history": moment.table_text(registered)}
        found = self.control.execute(query(SYNC, "expected"), given).fetchall()
        rows = max(row[0] for row in found)
        buckets = 1
        while buckets < MOST_BUCKETS and buckets * BUCKET_ROWS < rows:
            buckets *= 2
        if buckets == 1 or not keys:
            return None
        distinct = {name: number if number >= 0 else -number * rows for _, name, number in found if name is not None}
        return max(keys, key=lambda key: distinct.get(key, 0)), buckets


@contextmanager
def writing(feature_set: str) -> Iterator[None]:
    """Says a place that cannot be written in the project's words."""
    try:
        yield
    except Outside as error:
        raise broken(feature_set, "its metadata", f"names what is not its own ({error})") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "the disk is full" if full else str(error)
        advice = (
            AWAY if "AWS Error" in reason else "Make room or choose another place with FSDB_WAREHOUSE, and sync again"
        )
        raise FsdbError(
            f"The columnar copy of {feature_set} could not be written: {reason}. The copy and the database are as they were. {advice}."
        ) from error
