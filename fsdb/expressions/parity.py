"""The check that an expression is one value everywhere: PostgreSQL's and the evaluator's over edge rows, compared bit by bit."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier, Literal

from fsdb.errors import InvalidDefinition
from fsdb.expressions.edges import Row, edge_rows
from fsdb.expressions.evaluation import compute, constant
from fsdb.expressions.kinds import MOMENT
from fsdb.expressions.literals import constant as literal
from fsdb.expressions.statements import value_sql
from fsdb.expressions.tree import Constant, Node, inputs_of
from fsdb.expressions.values import FOREVER, FOREVER_DAYS, NUMPY, OutOfRange, Values, digits
from fsdb.sql import fragment, joined

FILE = "expressions/parity"
_TRIED = 12  # rows that raise an error here, of which each must do so there
_SENT = {
    "smallint": ("int2send", ">h"),
    "integer": ("int4send", ">i"),
    "bigint": ("int8send", ">q"),
    "real": ("float4send", ">f"),
    "double precision": ("float8send", ">d"),
    "boolean": ("boolsend", ">?"),
    "date": ("date_send", ">i"),
    MOMENT: ("timestamptz_send", ">q"),
}
_NONE = "none"
_EPOCH_DAYS, _EPOCH_MICROS = 10_957, 946_684_800_000_000  # from 1970 to 2000, where PostgreSQL counts from
_REFUSED = (errors.DataError, errors.FeatureNotSupported)  # the other of a numeric that is no number


def check_parity(connection: Connection[Any], tree: Node, name: str) -> None:
    """Raises InvalidDefinition where PostgreSQL and the evaluator differ in a row of edge values. Leaves no trace in the transaction."""
    inputs = inputs_of(tree)
    rows = edge_rows(inputs)
    found, refused = _evaluated(tree, inputs, rows)
    with connection.transaction(force_rollback=True):
        good = [row for row, wrong in zip(rows, refused, strict=True) if not wrong]
        try:
            with connection.transaction():
                theirs = _read(connection, tree, inputs, good)
        except _REFUSED as error:
            raise InvalidDefinition(
                f"Expression {name} fails in PostgreSQL for values for which it has a value elsewhere: {str(error).splitlines()[0]}. Write it in another way."
            ) from error
        ours = [value for value, wrong in zip(found, refused, strict=True) if not wrong]
        for row, here, there in zip(good, ours, theirs, strict=True):
            if here != there:
                raise _differs(name, inputs, row, there, here)
        for row in [row for row, wrong in zip(rows, refused, strict=True) if wrong][:_TRIED]:
            try:
                with connection.transaction():
                    there = _read(connection, tree, inputs, [row])[0]
            except _REFUSED:
                continue
            raise _differs(name, inputs, row, there, "an error")


def _differs(name: str, inputs: Mapping[str, str], row: Row, there: Any, here: Any) -> InvalidDefinition:
    given = ", ".join(f"{one} = {'NULL' if value is None else value}" for one, value in zip(inputs, row, strict=True))
    return InvalidDefinition(
        f"Expression {name} means different things on different engines: for {given or 'no input'} it is {there} in PostgreSQL and {here} "
        "elsewhere. Write it in another way."
    )


def _evaluated(tree: Node, inputs: Mapping[str, str], rows: Sequence[Row]) -> tuple[list[Any], list[bool]]:
    try:
        found = compute(tree, _given(inputs, rows), len(rows))
        return _plain(found), [False] * len(rows)
    except OutOfRange:
        if len(rows) == 1:
            return [None], [True]
    half = len(rows) // 2
    first, second = (_evaluated(tree, inputs, part) for part in (rows[:half], rows[half:]))
    return first[0] + second[0], first[1] + second[1]


def _given(inputs: Mapping[str, str], rows: Sequence[Row]) -> dict[str, Values]:
    return {name: _column([row[at] for row in rows], kind) for at, (name, kind) in enumerate(inputs.items())}


def _column(texts: Sequence[str | None], kind: str) -> Values:
    cells = [_cell(text, kind) for text in texts]
    blank = constant(Constant(_BLANK.get(kind, "0"), kind), len(cells)).data
    for at, cell in enumerate(cells):
        if cell is not None:
            blank[at] = cell
    return Values(blank, np.array([text is not None for text in texts], dtype=bool), kind)


_BLANK = {"boolean": "false", "text": "", "date": "1970-01-01", MOMENT: "1970-01-01 00:00:00+00:00"}


def _cell(text: str | None, kind: str) -> Any:
    if text is None:
        return None
    if kind in ("date", MOMENT) and text.endswith("infinity"):
        return (FOREVER_DAYS if kind == "date" else FOREVER) * (-1 if text.startswith("-") else 1)
    if kind == "numeric" and text in ("NaN", "Infinity", "-Infinity"):
        return constant(Constant(text, kind), 1).data[0]
    return constant(literal(text, kind), 1).data[0]


def _plain(values: Values) -> list[Any]:
    """Each value as a Python object that is equal to another only where all bits are; any NaN is one."""
    return [_one(data, values.type) if there else _NONE for data, there in zip(values.data, values.valid, strict=True)]


def _one(data: Any, kind: str) -> Any:
    if kind == "numeric":
        return digits(data)
    if kind in ("real", "double precision"):
        return "NaN" if np.isnan(data) else repr(float(data))
    if kind == "text":
        return str(data)
    return bool(data) if kind == "boolean" else int(data)


def _read(connection: Connection[Any], tree: Node, inputs: Mapping[str, str], rows: Sequence[Row]) -> list[Any]:
    names = [Identifier(f"c{at}") for at in range(len(inputs) + 1)]
    columns = {name: SQL("given.{}").format(names[at]) for at, name in enumerate(inputs)}
    typed = {
        name: fragment("expressions/operators", "cast", value=columns[name], type=SQL(kind))
        for name, kind in inputs.items()
    }
    value = value_sql(tree, typed)
    send = _SENT.get(tree.type)
    sent = (
        fragment(FILE, "text", value=value) if send is None else fragment(FILE, "sent", send=SQL(send[0]), value=value)
    )
    given = [*([row[at] for row in rows] for at in range(len(inputs))), ["0"] * len(rows)]
    statement = fragment(
        FILE,
        "rows",
        sent=sent,
        columns=joined([fragment(FILE, "column", values=Literal(values)) for values in given]),
        names=joined(names),
    )
    cursor: psycopg.Cursor[Any] = connection.cursor(binary=True)
    found = cursor.execute(statement).fetchall()
    return [_received(row[0], tree.type) for row in found]


def _received(sent: Any, kind: str) -> Any:
    if sent is None:
        return _NONE
    if kind not in _SENT:
        return sent
    (value,) = struct.unpack(_SENT[kind][1], sent)
    if kind == "date":
        value = value if abs(value) >= FOREVER_DAYS else value + _EPOCH_DAYS
        return max(value, -FOREVER_DAYS)
    if kind == MOMENT:
        value = value if abs(value) >= FOREVER else value + _EPOCH_MICROS
        return max(value, -FOREVER)
    return _one(NUMPY[kind](value), kind)
