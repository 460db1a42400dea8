"""Runs a program's SQL function over rows, in every form that its trees have."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg import sql
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from fsdb.models import Program, compile_functions, function_call
from fsdb.models.backends.sql import bulk_name
from fsdb.models.backends.sql.trees import form

AT_A_TIME = 50  # rows whose results the socket holds


def deploy(connection: psycopg.Connection, program: Program, name: str = "score") -> None:
    """Creates the functions, in place of those that are there."""
    for former in (name, bulk_name(name)):
        connection.execute(sql.SQL("DROP FUNCTION IF EXISTS public.{}").format(sql.Identifier(former)))
    connection.execute("SET search_path = pg_catalog, pg_temp")
    for statement in compile_functions(program, "public", name):
        connection.execute(statement)


def score(
    connection: psycopg.Connection, program: Program, rows: Sequence[Mapping[str, Any]], name: str = "score"
) -> list[dict[str, Any]]:
    """What the function gives for each row, or the `error` that it raises.

    Each row is a statement of its own, which fails alone; fifty are sent before the first result is read.
    """
    places = [sql.SQL(f"${number}") for number in range(1, len(program.inputs) + 1)]  # type: ignore[arg-type]
    call = sql.SQL("SELECT * FROM {}").format(function_call(program, "public", name, places)).as_bytes(connection)
    values = [[row[given.name] for given in program.inputs] for row in rows]
    results: list[dict[str, Any]] = []
    for begin in range(0, len(values), AT_A_TIME):
        results += [_outcome(connection, one) for one in _piped(connection, call, values[begin : begin + AT_A_TIME])]
    return results


def _piped(connection: psycopg.Connection, call: bytes, several: Sequence[Sequence[Any]]) -> list[PGresult]:
    """The results of a statement with each of several lists of values. A pipeline of psycopg's own would end at the first error."""
    session, values = connection.pgconn, Transformer(connection)
    session.enter_pipeline_mode()
    for given in several:
        dumped = values.dump_sequence(given, [PyFormat.AUTO] * len(given))
        session.send_query_params(call, dumped, param_types=values.types, param_formats=values.formats)
        session.pipeline_sync()
    results = [session.get_result() for _ in several for _ in ("result", "its end", "the sync")]
    session.exit_pipeline_mode()
    return [result for result in results[::3] if result is not None]


def _outcome(connection: psycopg.Connection, result: PGresult) -> dict[str, Any]:
    if result.status != ExecStatus.TUPLES_OK:
        error = error_from_result(result)
        if not isinstance(error, psycopg.DataError):
            raise error
        return {"error": error.diag.message_primary, "code": error.sqlstate}
    read = Transformer(connection)
    read.set_pgresult(result)
    row = read.load_row(0, tuple)
    assert row is not None
    return {(result.fname(number) or b"").decode(): value for number, value in enumerate(row)}


@contextmanager
def forced(*, masks: bool) -> Iterator[None]:
    """A block in which every ensemble has masks, or none."""
    with patch.object(form, "by_masks", return_value=masks):
        yield


def scored_in_every_form(
    connection: psycopg.Connection, program: Program, rows: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """What each form of a program's trees gives for the rows; afterwards the function walks."""
    with forced(masks=True):
        deploy(connection, program)
    results = {"masks": score(connection, program, rows)}
    with forced(masks=False):
        deploy(connection, program)
        both = len(compile_functions(program, "public", "score")) == 2
    results["walked"] = score(connection, program, rows)
    if both:
        results["CASE"] = score(connection, program, rows, bulk_name("score"))
    return results
