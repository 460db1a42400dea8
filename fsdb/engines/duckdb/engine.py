"""The engine: for each feature set a narrow match, then the payload of what matched, from the copy and from the tail."""

from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.asof import AsOf, SetRead, WindowRead
from fsdb.asof.description import plain_type
from fsdb.columnar import read_copy
from fsdb.columnar.copies import Copy
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.duckdb.report import ReadReport
from fsdb.engines.protocol import Absence, Result
from fsdb.sql import query

if TYPE_CHECKING:
    from fsdb.engines.duckdb.result import Answer
    from fsdb.engines.duckdb.session import Session
    from fsdb.engines.duckdb.spine import SpineRows

FILE = "engines/duckdb_tail"
_TEXTS = ("text", "character varying", "character")


class DuckdbEngine:
    """Runs point-in-time joins in DuckDB, in this process."""

    name = "duckdb"

    def refusal(self, connection: Connection[Any], description: AsOf) -> str | None:
        """Refuses text keys whose collation takes different texts for equal; is absent without the package duckdb."""
        if find_spec("duckdb") is None:
            return Absence("the package duckdb is not installed.")
        for read in description.reads:
            if read.windows is not None and (inexact := _inexact(read.windows)) is not None:
                return f"{read.feature_set} is computed from {inexact!r}, which is numeric: PostgreSQL alone computes such windows exactly."
            texts = [column for column, kind in _compared(read).items() if plain_type(kind) in _TEXTS]
            history = Identifier(HISTORY_SCHEMA, read.history_table).as_string(connection)
            if not texts:
                continue
            loose = connection.execute(query(FILE, "loose_collations"), {"history": history, "keys": texts}).fetchone()
            if loose is not None:
                return f"Key {loose[0]!r} of {read.feature_set} has a nondeterministic collation, which PostgreSQL alone can compare."
        return None

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows.

        Raises InvalidData for values that Arrow cannot hold, CopyBroken for files that cannot be read, EngineUnavailable where
        memory or disk do not suffice.
        """
        copies = [read_copy(connection, read.versions_of) for read in description.reads]
        return run_on(connection, description, copies)


def run_on(connection: Connection[Any], description: AsOf, copies: list[Copy | None]) -> Result:
    """The description's rows, of given copies: one for each read, None where there is none."""
    from fsdb.engines.duckdb.result import DuckdbResult
    from fsdb.engines.duckdb.session import Session
    from fsdb.engines.duckdb.spine import spine_rows

    spine = spine_rows(connection, description)
    session = Session()
    reports, answers = [], []
    with session.given("given_spine", spine.narrow):
        for number, (read, copy) in enumerate(zip(description.reads, copies, strict=True)):
            take = _read if read.windows is None else _read_windows()
            report, answer = take(session, connection, description, spine, read, copy, f"answer_{number}")
            reports.append(report)
            answers.append(answer)
    return DuckdbResult(session, spine.rows, description.outputs, answers, reports)


def _inexact(windows: WindowRead) -> str | None:
    from fsdb.windows.computing import inexact  # with numpy

    return inexact(windows)


def _compared(read: SetRead) -> dict[str, str]:
    """The columns of history that are compared, and their types: keys, and of events the id as well."""
    if read.windows is None:
        return {key.column: key.type for key in read.keys}
    return {column: read.windows.events.types[column] for column in (*read.windows.keys, read.windows.events.id)}


def _read_windows() -> "Callable[..., tuple[ReadReport, Answer]]":
    from fsdb.engines.duckdb.windows import read_windows

    return read_windows


def _read(
    session: "Session",
    connection: Connection[Any],
    description: AsOf,
    spine: "SpineRows",
    read: SetRead,
    copy: Copy | None,
    table: str,
) -> "tuple[ReadReport, Answer]":
    from fsdb.engines.duckdb import payload
    from fsdb.engines.duckdb.files import needed
    from fsdb.engines.duckdb.match import match
    from fsdb.engines.duckdb.parquet import Files

    begin = perf_counter()
    moments = spine.moments
    found = chosen = files = None
    if moments is not None:
        if copy is not None:
            chosen, files = needed(copy, read, description.snapshot, moments, spine.bounds(read)), Files(copy)
        asked = spine.asked(read)
        found = match(connection, description, read, asked, copy, chosen, files, moments, session.memory)
    slices = payload.collect(session, connection, read, found, chosen, files, spine.rows.num_rows)
    instants = spine.narrow.column("moment").to_numpy(zero_copy_only=False)
    answer = payload.answer(session, connection, read, slices, table, instants)
    report = ReadReport(
        read.feature_set,
        0 if copy is None else copy.rows,
        0 if found is None else found.tail_rows,
        0 if chosen is None else len(chosen.files),
        0 if chosen is None else chosen.pruned,
        0 if found is None else found.groups,
        0 if found is None else found.skipped,
        0 if found is None else len(found.positions),
        perf_counter() - begin,
    )
    return report, answer
