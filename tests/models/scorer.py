"""Runs a program's SQL function over rows, in every form that its trees have."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fsdb.models import Program, compile_functions, function_call
from fsdb.models.backends.sql import bulk_name
from fsdb.models.backends.sql.trees import form


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
    """What the function gives for each row, or the `error` that it raises."""
    call = sql.SQL("SELECT * FROM {}").format(
        function_call(program, "public", name, [sql.Placeholder()] * len(program.inputs))
    )
    results: list[dict[str, Any]] = []
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in rows:
            try:
                found = cursor.execute(call, [row[given.name] for given in program.inputs], prepare=False).fetchone()
                assert found is not None
                results.append(found)
            except psycopg.DataError as error:
                results.append({"error": error.diag.message_primary, "code": error.sqlstate})
    return results


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
