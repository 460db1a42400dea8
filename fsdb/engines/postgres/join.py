"""The point-in-time join of a spine with feature sets, compiled to a query, or to several where it is wide, and run."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, SetRead
from fsdb.engines.postgres.lookup import FILE, late
from fsdb.engines.postgres.pieces import Rows, fits, read_pieces, read_whole, total
from fsdb.engines.postgres.reach import beyond_reach
from fsdb.engines.postgres.spine import in_database
from fsdb.engines.protocol import InMemory, Result
from fsdb.sql import joined, query

SPINE = "spine"


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
        at = Identifier(SPINE, spine.timestamp)
        with (
            connection.transaction(force_rollback=True),
            in_database(connection, description) as (relation, ordinal),
        ):
            rows = Rows(
                lambda joins: query(FILE, "join", relation=relation, lookups=joins, ordinal=ordinal),
                keys_of,
                at,
                lambda aliased: _late_values(aliased, at),
                description.known,
                description.snapshot,
            )
            connection.execute(query(FILE, "planner"))
            ask = read_whole if fits(len(columns)) else read_pieces
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
        return InMemory(
            table if spine.rows is None else beside(spine.rows, table), total(answer.numbers), "\n".join(answer.plans)
        )


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables with the same rows."""
    return pa.Table.from_arrays([*left.columns, *right.columns], schema=pa.schema([*left.schema, *right.schema]))


def keys_of(read: SetRead) -> list[Composable]:
    """The spine's columns that a read's keys are compared with."""
    return [Identifier(SPINE, binding.spine_column) for binding in read.keys]


def _late_values(aliased: Sequence[tuple[str, SetRead]], at: Composable) -> Composed:
    """How many of a row's values come from versions that the database did not have yet at its moment."""
    counts = [SQL("{}::integer * {}").format(late(alias, at), Literal(len(r.features))) for alias, r in aliased]
    return SQL("({})::bigint").format(joined(counts, " + ") if counts else Literal(0))
