"""States of the columnar copy: histories are written in portions, and synced before, between and after them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL

from fsdb.catalog.feature_sets import RegisteredSet, delete_set, get_set
from fsdb.columnar import compact, sync
from fsdb.definitions import Feature, FeatureSet
from tests.conftest import TestDatabase
from tests.oracle import Version
from tests.training.made import made_set, put
from tests.training.strategies import KEYS, RandomSet

# never: all is tail; synced: all is copy; partly: a third is tail; pieces: a file for each third; compacted: these in one.
STATES = ["never", "synced", "partly", "pieces", "compacted"]
# PostgreSQL's engine does not look at the copy; Spark takes seconds for a join.
ENGINES_IN_STATES = [("postgres", "never"), *(("duckdb", state) for state in STATES), ("spark", "partly")]


def fill(
    database: TestDatabase,
    connection: psycopg.Connection,
    sets: Sequence[tuple[RegisteredSet, Sequence[Version]]],
    state: str,
) -> None:
    """Writes versions, and syncs so that the copies are in that state."""
    for portion in range(3):
        for registered, versions in sets:
            third = -(-len(versions) // 3)
            part = versions[portion * third : (portion + 1) * third]
            if part:
                put(connection, registered, part)
        if state in ("pieces", "compacted") or (state == "partly" and portion == 1):
            sync(database.url)
    if state == "synced":
        sync(database.url)
    if state == "compacted":
        compact(database.url)


def random_definition(one: RandomSet) -> FeatureSet:
    """The definition of a random set."""
    features = [Feature("x", "real"), Feature("y", "bigint", default=one.default)]
    return FeatureSet(one.name, {column: KEYS[column][0] for column in one.keys}, features, max_age=one.max_age)


@contextmanager
def written(
    database: TestDatabase, connection: psycopg.Connection, sets: Sequence[RandomSet], state: str
) -> Iterator[list[str]]:
    """Random sets, committed and synced, for a block; gives the features' references."""
    made = [(made_set(connection, random_definition(one)), one.versions) for one in sets]
    try:
        fill(database, connection, made, state)
        yield [f"{one.name}.{feature}" for one in sets for feature in ("x", "y")]
    finally:
        for one in sets:
            drop(connection, one.name)


def drop(connection: psycopg.Connection, name: str) -> None:
    """Forgets a made set."""
    connection.execute(SQL("DROP TABLE {}").format(get_set(connection, name).history))
    delete_set(connection, name)
