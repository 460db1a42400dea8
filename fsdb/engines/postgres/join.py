"""The point-in-time join of a spine with feature sets, compiled to a query, or to several where it is wide, and run."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, SetRead
from fsdb.engines.postgres.lookup import FILE, late, matched
from fsdb.engines.postgres.pieces import Answer, Rows, fits, read_pieces, read_whole
from fsdb.engines.postgres.reach import beyond_reach
from fsdb.engines.postgres.spine import in_database
from fsdb.engines.protocol import InMemory, Result
from fsdb.sql import joined, query

SPINE = "spine"
_LATE_BITS = 32  # of a row's number; above them are as many as sets are joined


class PostgresEngine:
    """Runs point-in-time joins in the database that holds the history."""

    name = "postgres"

    def refusal(self, connection: Connection[Any], description: AsOf) -> str | None:
        """Of a set of which no version has left, PostgreSQL holds all of history: it always can."""
        return beyond_reach(connection, description)

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows, in the caller's transaction. Where they are wide, every query sees the description's snapshot."""
        spine = description.spine
        given = () if spine.rows is not None else spine.columns
        columns = [*given, *description.outputs]
        with (
            connection.transaction(force_rollback=True),
            in_database(connection, description) as (relation, ordinal, names),
        ):
            at = Identifier(SPINE, names[spine.timestamp])
            rows = Rows(
                lambda joins: query(FILE, "join", relation=relation, lookups=joins, ordinal=ordinal),
                lambda read: [Identifier(SPINE, names[key.spine_column]) for key in read.keys],
                at,
                lambda aliased: _counts(aliased, at),
                description.known,
                description.snapshot,
            )
            connection.execute(query(FILE, "planner"))
            ask = read_whole if fits(len(columns), len(description.reads)) else read_pieces
            answer = ask(
                connection,
                rows,
                given,
                [Identifier(SPINE, column.name) for column in given],
                description.reads,
                description.outputs,
                explained=True,
            )
        table = answer.table(columns)
        late, matched = _counted(answer)
        return InMemory(
            table if spine.rows is None else beside(spine.rows, table),
            late,
            "\n".join(answer.plans),
            [matched[read.feature_set] for read in description.reads],
        )


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables with the same rows."""
    return pa.Table.from_arrays([*left.columns, *right.columns], schema=pa.schema([*left.schema, *right.schema]))


def keys_of(read: SetRead) -> list[Composable]:
    """The spine's columns that a read's keys are compared with."""
    return [Identifier(SPINE, binding.spine_column) for binding in read.keys]


def _counts(aliased: Sequence[tuple[str, SetRead]], at: Composable) -> Composed:
    """Two counts of a row in one number: how many of its values come from versions that the database did not have yet at its
    moment, and above that, a bit each, which sets have a version for it."""
    if not aliased:
        return SQL("0::bigint").format()
    parts = [SQL("{}::integer * {}").format(late(alias, at), Literal(len(r.features))) for alias, r in aliased]
    bits = [
        SQL("{} * {}::bigint").format(matched(alias), Literal(1 << _LATE_BITS + place))
        for place, (alias, _) in enumerate(aliased)
    ]
    return SQL("({})::bigint").format(joined([*parts, *bits], " + "))


def _counted(answer: Answer) -> tuple[int, dict[str, int]]:
    """How many values were late, and how many rows each set has a version for."""
    late_values, rows = 0, {}
    for column, sets in zip(answer.numbers, answer.joined, strict=True):
        numbers = column.to_numpy()
        late_values += int((numbers & ((1 << _LATE_BITS) - 1)).sum())
        for place, name in enumerate(sets):
            rows[name] = int(((numbers >> (_LATE_BITS + place)) & 1).sum())
    return late_values, rows
