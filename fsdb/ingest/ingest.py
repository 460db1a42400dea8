"""Ingest: the passes that take staged rows into a set, with the locks taken before the first version is numbered."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import Composable, Composed, Identifier

from fsdb.access import foreign_code
from fsdb.access.rows import require_all
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData
from fsdb.exchange.queries import first_line
from fsdb.exchange.timezones import zone_of
from fsdb.history import hold
from fsdb.ingest.matching import Matched, match, wanted_types
from fsdb.ingest.source import Progress, opened
from fsdb.ingest.staging import Staging
from fsdb.sql import query
from fsdb.table import Table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestResult:
    """How many rows made a new entity, changed one, came late (into history alone), and said what was known already."""

    inserted: int
    updated: int
    late: int
    unchanged: int

    def _repr_html_(self) -> str:
        return Table.of(tuple(vars(self)), [tuple(vars(self).values())], "Ingested")._repr_html_()


def ingest(
    connection: Connection[Any],
    registered: RegisteredSet,
    data: Any,
    event_time: str | None = None,
    timezone: str | tzinfo | None = None,
    progress: Progress | None = None,
    one_each: bool = False,
) -> IngestResult:
    """Takes the rows of `data` into a set, in the connection's transaction: all of them or, on any error, none.

    data: pandas, polars, Arrow, Parquet or CSV files by path, or an SQL query. Columns bind by name; `event_time` names the column that holds
    the event time, else "event_time" does, else the clock counts. Features that the data lacks stay what they were at each row's
    moment. Missing values of pandas (NaN, NaT, None) are NULL; NaN of Arrow and polars stays NaN.

    Each row is one version, also where several are of one entity; rows that say what is known already are none. Rows
    are taken in the order of event time, those of one moment in the order of the data. one_each: two rows of one entity and moment are
    refused instead. Raises InvalidData and UnknownName.
    """
    begun, zone = time.perf_counter(), zone_of(timezone)
    with refusing(registered), connection.transaction(), ExitStack() as staged:
        registered = hold(connection, registered)
        require_all(
            connection, [registered.name], f"An ingest into {registered.name}, which compares with what is known,"
        )
        types = partial(wanted_types, registered, event_time=event_time)
        foreign_code.refuse(
            connection, registered.live_schema, registered.live_table, f"An ingest into {registered.name}"
        )
        columns, rows = staged.enter_context(opened(connection, data, types, registered.name, zone, progress))
        matching = match(registered, columns, event_time, zone)
        for column in (*matching.keys, *matching.features):
            _check_whole(connection, column, rows)
        staging = Staging(connection, registered, matching)
        total = staging.fill(rows)
        if one_each:
            staging.refuse_repeated()
        result = _merge(staging, total)
        staging.drop()
    logger.info(
        "Ingested into %s: %s inserted, %s updated, %s late, %s unchanged, in %.3f s.",
        *(registered.name, result.inserted, result.updated, result.late, result.unchanged, time.perf_counter() - begun),
    )
    return result


@contextmanager
def refusing(registered: RegisteredSet) -> Iterator[None]:
    """Says what PostgreSQL does not take of the data in the project's words."""
    try:
        yield
    except psycopg.errors.ProgramLimitExceeded as error:
        raise InvalidData(
            f"PostgreSQL does not take a row of {registered.name}: {first_line(error)}. Split the set into sets with the same keys and fewer features each: a training set joins them again."
        ) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise InvalidData(
            f"The data does not fit {registered.name}: {first_line(error)}. Nothing was loaded; correct the data and load it again."
        ) from error


def _merge(staging: Staging, total: int) -> IngestResult:
    """Every row of the staging table into live table and history.

    First the rows of new entities, whose inserts are the locks, and the locks on those that are there; after that version
    numbers follow the order of commits. Then late rows and those that a newer one of the data follows, straight into
    history; last the newest of each entity, through the live table.
    """
    staging.carry_lacking()
    left = total - staging.remove_unchanged()
    inserted, ghosts = staging.insert_first()
    if inserted == left:  # every entity was new, and came once
        return IngestResult(inserted - ghosts, 0, ghosts, total - left)
    staging.lock()
    late, others = staging.sort_out()
    staging.write_others()
    staging.update_newest()
    returned = staging.insert_newest()
    return IngestResult(inserted - ghosts + returned, others - returned, late + ghosts, total - left)


def _check_whole(connection: Connection[Any], column: Matched, rows: Composable) -> None:
    if not column.must_be_whole:
        return
    text: Composed = query("ingest/ingest", "fractions", rows=rows, value=Identifier("given", column.name))
    row = connection.execute(text).fetchone()
    assert row is not None
    if row[0]:
        raise InvalidData(
            f"Column {column.name!r} holds {row[0]:,} numbers with fractions, but is kept as {column.type}: round them first."
        )
