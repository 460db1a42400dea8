"""Saved training sets: kept as spine, definition and snapshot, and built again from these, hash for hash."""

import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import Identifier
from rich.table import Table as RichTable

from fsdb.access import erasures
from fsdb.access.giving import give
from fsdb.access.rows import require_all
from fsdb.arguments import checked_calls
from fsdb.asof import At, Column, snapshots
from fsdb.catalog import training as catalog
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.training import SavedColumn, SavedSet
from fsdb.db import Database
from fsdb.engines import query_log, router
from fsdb.errors import ChangeRefused, Erased, FsdbError, InvalidDefinition, NotReproducible, PartlyErased
from fsdb.exchange import frames
from fsdb.expressions.documents import to_document
from fsdb.history import hold_history
from fsdb.history.reach import hold
from fsdb.listing import listed
from fsdb.sql import joined, query
from fsdb.table import Table
from fsdb.training.coverage import coverage
from fsdb.training.log import logger, note_built
from fsdb.training.saved_asof import known_name, ordinal_of, saved_asof
from fsdb.training.spine_table import names_in_table
from fsdb.training.training_set import TrainingSet
from fsdb.types import type_sql

FILE = "training/saved"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@checked_calls()
@dataclass(frozen=True, repr=False)
class SavedTrainingSet:
    """A saved training set. Its methods work in the database that it was loaded from."""

    saved: SavedSet
    database: Database | None = None

    @property
    def name(self) -> str:
        """The name that it was saved under."""
        return self.saved.name

    @property
    def content_hash(self) -> str:
        """SHA-256 of the columns' names, types and values, as they were when it was built."""
        return self.saved.content_hash

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return self.saved.row_count

    @property
    def created_at(self) -> datetime:
        """When it was saved."""
        return self.saved.created_at

    def rebuild(self, engine: str = "auto") -> TrainingSet:
        """Builds the training set again, from history as its snapshot saw it."""
        with self._database.transaction() as connection:
            catalog.get_saved(connection, self.name)  # raises UnknownName where it was deleted since
            return rebuild(connection, self.saved, engine, self.database)

    def verify(self, engine: str = "auto") -> str:
        """Builds it again and returns its hash. Raises NotReproducible if that is not the hash that it was saved with."""
        with self._database.transaction() as connection:
            catalog.get_saved(connection, self.name)
            return verify(connection, self.saved, engine)

    def delete(self) -> None:
        """Removes it, with its spine: for who saved it, and admins. Raises ChangeRefused while a registered model was trained on it."""
        self._database.changing(lambda connection: delete(connection, self.name))

    def _shown(self) -> Table:
        saved = self.saved
        known = saved.known if saved.known_at is None else saved.known_at
        rows = [
            ("rows", f"{saved.row_count:,}"),
            ("columns", listed([column.name for column in saved.columns])),
            ("label", saved.label),
            ("training view", saved.training_view),
            ("known", known),
            ("saved at", saved.created_at),
            ("content hash", saved.content_hash),
        ]
        return Table.of(["", "value"], rows, f"Saved training set {saved.name}")

    def __repr__(self) -> str:
        return repr(self._shown())

    def __rich__(self) -> RichTable:
        return self._shown().__rich__()

    def _repr_html_(self) -> str:
        return self._shown()._repr_html_()

    @property
    def _database(self) -> Database:
        if self.database is None:
            raise FsdbError(
                "This training set was loaded on a bare connection: use fsdb.training.rebuild and verify with a connection."
            )
        return self.database


def save(
    connection: Connection[Any], training_set: TrainingSet, name: str, database: Database | None = None
) -> SavedTrainingSet:
    """Keeps a training set under a name. Raises ChangeRefused where one has the name, InvalidDefinition for a bad name."""
    if not _NAME.fullmatch(name):
        raise InvalidDefinition(
            f"{name!r} cannot name a training set: use 1 to 63 lower-case letters, digits and underscores, not beginning with a digit."
        )
    if name in ("now", "then"):
        raise InvalidDefinition(
            f"{name!r} cannot name a training set: known={name!r} means something else. Choose another name."
        )
    description = training_set.description
    known = description.known
    ids, defaults = training_set.feature_ids, {f.output: f.default for r in description.reads for f in r.features}
    hashes = training_set.column_hashes
    trees = {one.output: to_document(one.tree) for one in description.computed}
    columns = [
        SavedColumn(c.name, c.type, ids.get(c.name), defaults.get(c.name), values, trees.get(c.name))
        for c, values in zip(training_set.columns, hashes, strict=True)
    ]
    shown = {column.name for column in columns}
    hidden = [
        SavedColumn(f.output, f.type, f.feature_id, f.default, "", hidden=True)
        for read in description.reads
        for f in read.features
        if f.output not in shown
    ]
    try:
        with connection.transaction():
            saved = SavedSet(
                name=name,
                training_view=training_set.view,
                spine=training_set.spine,
                timestamp_column=training_set.timestamp,
                label=training_set.label,
                known=known_name(known),
                known_at=known.moment if isinstance(known, At) else None,
                snapshot=description.snapshot.text,
                own_xid=description.snapshot.own,
                engine=training_set.engine,
                row_count=training_set.num_rows,
                late_values=training_set.late_values,
                content_hash=training_set.content_hash,
                created_at=datetime.now().astimezone(),
                columns=tuple(columns),
                high_versions=description.snapshot.high,
                restored_versions=description.snapshot.restored,
                max_ages={read.feature_set: read.max_age for read in description.reads},
                hidden=tuple(hidden),
            )
            catalog.insert_set(connection, saved)
            _refuse_erased(connection, training_set, name)
            _keep_spine(connection, training_set, name)
    except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable) as error:
        raise ChangeRefused(
            f"A training set {name!r} is saved already, and saved ones never change: choose another name, or delete that one first."
        ) from error
    training_set.name = name
    logger.info("Saved training set %s: %s rows, hash %s.", name, training_set.num_rows, training_set.content_hash)
    return load(connection, name, database)


def load(connection: Connection[Any], name: str, database: Database | None = None) -> SavedTrainingSet:
    """The saved training set of that name. Raises UnknownName."""
    return SavedTrainingSet(catalog.get_saved(connection, name), database)


def rebuild(
    connection: Connection[Any], saved: SavedSet, engine: str = "auto", database: Database | None = None
) -> TrainingSet:
    """A saved training set built again from its spine and from history as its snapshot saw it.

    Raises RightMissing where row security hides versions from the user: what came out would be another set.
    """
    snapshots.adopt(connection)
    hold(connection)
    named = [read.versions_of for read in saved_asof(connection, saved).reads]
    require_all(connection, named, f"Building training set {saved.name} again")
    hold_history(connection, list_sets(connection, named).values())
    description = saved_asof(connection, saved)
    erased = erasures.of_training_set(connection, saved.name)
    if erased:
        warnings.warn(f"{_lacking(saved, erased)} It is built from what is left.", PartlyErased, stacklevel=3)
    answer = router.run(connection, description, engine)
    query_log.write(connection, answer.routing)
    built = TrainingSet(
        answer.result,
        description,
        saved.label,
        answer.routing,
        view=saved.training_view,
        spine=saved.spine,
        name=saved.name,
        database=database,
        coverage=coverage(connection, description, answer.result),
    )
    return note_built(built)


def verify(connection: Connection[Any], saved: SavedSet, engine: str = "auto") -> str:
    """Builds it again and compares hashes. Raises NotReproducible with the columns that differ, Erased where it cannot be the same any more."""
    erased = erasures.of_training_set(connection, saved.name)
    if erased:
        raise Erased(f"{_lacking(saved, erased)} It cannot be verified any more; what is left of it can be built.")
    built = rebuild(connection, saved, engine)
    if built.content_hash == saved.content_hash:
        return saved.content_hash
    if built.table.num_rows != saved.row_count:
        difference = f"it had {saved.row_count:,} rows, now there are {built.table.num_rows:,}"
    else:
        changed = [c.name for c, now in zip(saved.columns, built.column_hashes, strict=True) if c.content_hash != now]
        difference = f"other values in {listed(changed)}"
    raise NotReproducible(
        f"Training set {saved.name} cannot be built as it was saved: {difference}. Its spine or a history table was changed without fsdb."
    )


def _refuse_erased(connection: Connection[Any], training_set: TrainingSet, name: str) -> None:
    """Raises Erased where the training set may hold what was erased since it was built. To be asked once the set's row is written, which waits for erasures."""
    snapshot = training_set.description.snapshot
    named = [read.versions_of for read in training_set.description.reads]
    erased = erasures.since(connection, named, snapshot.text, snapshot.own)
    if erased:
        raise Erased(
            f"Training set {name} was built before {erased[-1]}, and may hold what that erased: build it again, then save it."
        )


def _lacking(saved: SavedSet, erased: list[erasures.Erasure]) -> str:
    rows = sum(erasure.rows for erasure in erased)
    what = f"{rows:,} of {saved.row_count:,} rows" if rows else "versions that it was built from"
    return f"Training set {saved.name} lacks {what}: {'; '.join(map(str, erased))}."


def delete(connection: Connection[Any], name: str) -> None:
    """Removes a saved training set, with its spine. Raises UnknownName; ChangeRefused while a model refers to it."""
    catalog.get_saved(connection, name)
    try:
        with connection.transaction():
            catalog.delete_set(connection, name)
            connection.execute(query(FILE, "drop_spine", table=Identifier(name)))
    except psycopg.errors.ForeignKeyViolation as error:
        raise ChangeRefused(
            f"A registered model was trained on training set {name}: it stays while the model does."
        ) from error


def _keep_spine(connection: Connection[Any], training_set: TrainingSet, name: str) -> None:
    columns: tuple[Column, ...] = training_set.description.spine.columns
    names = names_in_table(columns)
    declared = [
        query("training/spine", "column", name=Identifier(names[c.name]), type=type_sql(c.type)) for c in columns
    ]
    parts = {"table": Identifier(name), "ordinal": Identifier(ordinal_of(columns)), "columns": joined(declared)}
    connection.execute(query(FILE, "create_spine", **parts))
    spine = training_set.table.select(range(len(columns)))
    held = [Column(names[column.name], column.type) for column in columns]
    with frames.staged(connection, spine.schema, spine.to_batches(), held) as rows:
        connection.execute(query(FILE, "fill_spine", table=Identifier(name), rows=rows))
    row = connection.execute(query(FILE, "spine"), {"name": name}).fetchone()
    assert row is not None
    give(connection, [row[0]])
