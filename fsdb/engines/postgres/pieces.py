"""Reading more features than one query of PostgreSQL has columns for: in pieces over the same rows, put side by side.

Numbers travel in arrays, all of them in one query or few; other types as columns, some hundreds a query.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Composable, Composed, Identifier

from fsdb.asof import NOW, Column, Known, SetRead, Snapshot
from fsdb.engines.postgres.arrays import TYPES, read_arrays
from fsdb.engines.postgres.lookup import FILE, newest, values
from fsdb.engines.postgres.packs import PackedRead, newest_packed, pack_values, packed
from fsdb.exchange.copy_out import read
from fsdb.exchange.types import arrow_type
from fsdb.sql import joined, query

MOST_COLUMNS = 1664 - 2  # of a query's result, less what orders the rows and the number of each row
MOST_PACKED = 32_768  # features that one query reads in arrays
MOST_READS = 31  # sets that one query joins, so that a bit of `number` can be each one's
NUMBER = Column("number", "bigint")


@dataclass(frozen=True)
class Rows:
    """Rows that features are looked up for, at one snapshot.

    source: everything from FROM on, given the joins of the sets' versions. keys: the expressions that a read's keys are
    compared with. at: each row's moment. number: an expression of type bigint for each row, given the aliased reads whose versions are joined.
    """

    source: Callable[[Composed], Composed]
    keys: Callable[[SetRead], Sequence[Composable]]
    at: Composable
    number: Callable[[Sequence[tuple[str, SetRead]]], Composable]
    known: Known = NOW
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class Answer:
    """Columns in the given order, and `number` of each row for each piece that was read, with the sets that were joined for it."""

    columns: list[pa.ChunkedArray]
    numbers: list[pa.ChunkedArray]
    plans: list[str]
    joined: list[list[str]]

    def table(self, columns: Sequence[Column]) -> pa.Table:
        """The columns as a table under their names."""
        fields = [pa.field(c.name, arrow_type(c.type), metadata={"postgresql_type": c.type}) for c in columns]
        return pa.Table.from_arrays(self.columns, schema=pa.schema(fields))


def fits(columns: int, reads: int = 0) -> bool:
    """Whether one query gives that many columns, of so many sets."""
    return columns <= MOST_COLUMNS and reads <= MOST_READS


def read_whole(
    connection: Connection[Any],
    rows: Rows,
    given: Sequence[Column],
    given_values: Sequence[Composable],
    reads: Sequence[SetRead],
    outputs: Sequence[Column],
    explained: bool = False,
) -> Answer:
    """The rows' own columns and what is read for them, in one query."""
    expressions = [*given_values, *output_values(reads, outputs), rows.number(aliased(reads))]
    source = rows.source(lookups(rows, reads))
    plans = [_plan(connection, expressions, source)] if explained else []
    table = read(connection, [*given, *outputs, NUMBER], expressions, source)
    return Answer(table.columns[:-1], table.columns[-1:], plans, [[r.feature_set for r in reads]])


def read_pieces(
    connection: Connection[Any],
    rows: Rows,
    given: Sequence[Column],
    given_values: Sequence[Composable],
    reads: Sequence[SetRead],
    outputs: Sequence[Column],
    explained: bool = False,
) -> Answer:
    """As `read_whole`, of any number of columns."""
    own = read_whole(connection, rows, given, given_values, (), (), explained) if given else Answer([], [], [], [])
    numbers, plans, sets = own.numbers, own.plans, own.joined
    found: dict[str, pa.ChunkedArray] = {}
    for some in _in_parts(reads, TYPES, MOST_PACKED):
        names, answer = _read_packed(connection, rows, [packed(r) for r in some], explained)
        found.update(zip(names, answer.columns, strict=True))
        numbers, plans, sets = numbers + answer.numbers, plans + answer.plans, sets + answer.joined
    others = {f.type for r in reads for f in r.features} - TYPES
    for some in _in_parts(reads, others, MOST_COLUMNS):
        wanted = {f.output for r in some for f in r.features}
        columns = [column for column in outputs if column.name in wanted]
        answer = read_whole(connection, rows, (), (), some, columns, explained)
        found.update(zip([column.name for column in columns], answer.columns, strict=True))
        numbers, plans, sets = numbers + answer.numbers, plans + answer.plans, sets + answer.joined
    return Answer([*own.columns, *(found[column.name] for column in outputs)], numbers, plans, sets)


def lookups(rows: Rows, reads: Sequence[SetRead]) -> Composed:
    """The joins of each read's version."""
    joins = [
        query(
            FILE,
            "join_lookup",
            newest=newest(r, rows.keys(r), rows.at, rows.known, rows.snapshot),
            alias=Identifier(alias),
        )
        for alias, r in aliased(reads)
    ]
    return joined(joins, "\n")


def aliased(reads: Sequence[SetRead]) -> list[tuple[str, SetRead]]:
    """Each read with the alias under which its version is joined."""
    return [(f"set_{number}", read) for number, read in enumerate(reads, start=1)]


def output_values(reads: Sequence[SetRead], columns: Sequence[Column]) -> list[Composable]:
    """What comes out for each output column, over versions joined under the aliases of `aliased`."""
    by_name = {
        feature.output: value
        for alias, r in aliased(reads)
        for feature, value in zip(r.features, values(r, alias), strict=True)
    }
    return [by_name[column.name] for column in columns]


def _read_packed(
    connection: Connection[Any], rows: Rows, reads: Sequence[PackedRead], explained: bool
) -> tuple[list[str], Answer]:
    """The features' output names, and a column for each in the same order."""
    named = [(f"set_{number}", given) for number, given in enumerate(reads, start=1)]
    joins = [
        query(
            FILE,
            "join_lookup",
            newest=newest_packed(given, rows.keys(given.read), rows.at, rows.known, rows.snapshot),
            alias=Identifier(alias),
        )
        for alias, given in named
    ]
    source = rows.source(joined(joins, "\n"))
    number = rows.number([(alias, given.read) for alias, given in named])
    arrays = [value for alias, given in named for value in pack_values(given, alias)]
    packs = [pack for given in reads for pack in given.packs]
    plans = [_plan(connection, [number, *arrays], source)] if explained else []
    shapes = [(pack.type, len(pack.features)) for pack in packs]
    numbers, columns = read_arrays(connection, number, arrays, shapes, source)
    names = [feature.output for pack in packs for feature in pack.features]
    return names, Answer(
        [pa.chunked_array([c]) for c in columns],
        [pa.chunked_array([pa.array(numbers, pa.int64())])],
        plans,
        [[given.read.feature_set for given in reads]],
    )


def _in_parts(reads: Sequence[SetRead], types: frozenset[str] | set[str], most: int) -> list[list[SetRead]]:
    """The reads with their features of these types, in lists that have at most so many features."""
    parts: list[list[SetRead]] = []
    room = 0
    for whole in reads:
        features = [feature for feature in whole.features if feature.type in types]
        while features:
            if not room or len(parts[-1]) == MOST_READS:
                parts.append([])
                room = most
            taken, features = features[:room], features[room:]
            parts[-1].append(replace(whole, features=tuple(taken)))
            room -= len(taken)
    return parts


def _plan(connection: Connection[Any], expressions: Sequence[Composable], source: Composed) -> str:
    lines = connection.execute(
        query(FILE, "explain", expressions=joined(list(expressions)), source=source), prepare=False
    ).fetchall()
    return "\n".join(line for (line,) in lines)
