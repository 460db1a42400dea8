"""Scores many rows by a model version's function in the database."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.asof import Column
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import objects
from fsdb.deployments.bulk.given import FILE
from fsdb.deployments.bulk.outcome import Outcome, result_type
from fsdb.deployments.parity import pinned
from fsdb.deployments.scoring import result_types
from fsdb.exchange import copy_binary, frames
from fsdb.exchange.types import arrow_type
from fsdb.models import Program, function_call
from fsdb.models.backends.sql import bulk_name
from fsdb.sql import joined, query
from fsdb.types import type_sql

_KEPT, _CAREFUL = Identifier("_fsdb_inputs"), Identifier("_fsdb_careful")
_NUMBER = "n"
_FLOATS = pa.list_(pa.float64())


def scored(connection: Connection[Any], program: Program, function: str, inputs: Sequence[pa.Array]) -> Outcome:
    """The results of the scoring function `function` for the inputs, in order: first all at once, one by one where it refuses some."""
    objects.refuse_foreign_functions(connection, [function, bulk_name(function)])
    count = len(inputs[0])
    names = [f"i{number}" for number in range(len(inputs))]
    table = pa.table([pa.array(range(count), pa.int64()), *inputs], names=[_NUMBER, *names])
    columns = [
        Column(_NUMBER, "bigint"),
        *(Column(name, given.type) for name, given in zip(names, program.inputs, strict=True)),
    ]
    arguments: list[Composable] = [Identifier("given", name) for name in names]
    call = function_call(program, MODEL_SCHEMA, function, arguments)
    with frames.staged(connection, table.schema, table.to_batches(), columns) as rows:
        try:
            with pinned(connection):
                answer = _read(connection, program, query(FILE, "score", rows=rows, call=call), SQL("NULL::text"))
        except (psycopg.DataError, psycopg.errors.ExternalRoutineException):
            with pinned(connection):
                answer = _one_by_one(connection, program, rows, call)
    order = pa.array(answer.column(_NUMBER).to_numpy().argsort())
    in_order = answer.take(order).combine_chunks()
    found = {
        name: _arrived(_flat(in_order.column(name)), result_type(kind)) for name, kind in result_types(program).items()
    }
    return Outcome(found, _flat(in_order.column("error")), "sql")


def _one_by_one(connection: Connection[Any], program: Program, rows: Composable, call: Composable) -> pa.Table:
    """What `_read` gives, with the reasons of the rows that are refused."""
    results = result_types(program)
    names = {"table": _KEPT, "function": _CAREFUL}
    body = query(
        FILE,
        "careful_body",
        values=joined([Identifier("r", name) for name in results]),
        names=joined([Identifier(name) for name in results]),
        call=call,
    )
    connection.execute(query(FILE, "keep_inputs", table=_KEPT, rows=rows))
    outs = joined([SQL("OUT {} {}").format(Identifier(name), type_sql(kind)) for name, kind in results.items()])
    connection.execute(query(FILE, "careful", results=outs, body=Literal(body.as_string(connection)), **names))
    return _read(connection, program, query(FILE, "careful_rows", **names), Identifier("r", "error"))


def _read(connection: Connection[Any], program: Program, source: Composable, error: Composable) -> pa.Table:
    results = result_types(program)
    fields = [
        (_NUMBER, pa.int64()),
        *((name, _travelling(kind)) for name, kind in results.items()),
        ("error", pa.string()),
    ]
    values = [
        query(FILE, "floats" if result_type(kind) == _FLOATS else "labels", value=Identifier("r", name))
        if kind.endswith("[]")
        else Identifier("r", name)
        for name, kind in results.items()
    ]
    schema = pa.schema(fields)
    batches = copy_binary.stream(connection, schema, [Identifier("given", _NUMBER), *values, error], source)
    return pa.Table.from_batches(batches, schema)


def _travelling(kind: str) -> pa.DataType:
    return pa.string() if kind.endswith("[]") and result_type(kind) != _FLOATS else arrow_type(kind)


def _arrived(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column of results in its own type: lists that are not of floats travel as JSON."""
    if column.type == kind:
        return column
    return pa.array([None if text is None else json.loads(text) for text in column.to_pylist()], kind)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
