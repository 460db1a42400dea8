"""The point-in-time join of a spine with feature sets, compiled to one query and run."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, Column, SetRead
from fsdb.engines.postgres.lookup import FILE, late, newest, values
from fsdb.engines.postgres.spine import in_database
from fsdb.engines.protocol import InMemory, Result
from fsdb.errors import InvalidData
from fsdb.exchange.copy_out import read
from fsdb.sql import joined, query

MOST_COLUMNS = 1664 - 2  # of a query's result, less what orders the rows and what counts late values
SPINE = "spine"


class PostgresEngine:
    """Runs point-in-time joins in the database that holds the history."""

    name = "postgres"

    def refusal(self, connection: Connection[Any], description: AsOf) -> str | None:  # noqa: ARG002
        """PostgreSQL holds all of history: it always can."""
        return None

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows, in the caller's transaction."""
        spine = description.spine
        given = () if spine.rows is not None else spine.columns
        columns = [*given, *description.outputs]
        if len(columns) > MOST_COLUMNS:
            raise InvalidData(
                f"The training set has {len(columns)} columns; one query of PostgreSQL gives at most {MOST_COLUMNS}. Ask for fewer features at a time."
            )
        at = Identifier(SPINE, spine.timestamp)
        lookups = [
            query(
                FILE,
                "join_lookup",
                newest=newest(r, keys_of(r), at, description.known, description.snapshot),
                alias=Identifier(alias),
            )
            for alias, r in aliased(description.reads)
        ]
        expressions: list[Composable] = [
            *(Identifier(SPINE, column.name) for column in given),
            *outputs(description.reads, description.outputs),
            _late_values(description.reads, at),
        ]
        with (
            connection.transaction(force_rollback=True),
            in_database(connection, description) as (relation, ordinal),
        ):
            source = query(FILE, "join", relation=relation, lookups=joined(lookups, "\n"), ordinal=ordinal)
            connection.execute(query(FILE, "planner"))
            plan = connection.execute(query(FILE, "explain", expressions=joined(expressions), source=source)).fetchall()
            table = read(connection, [*columns, Column("late_values", "bigint")], expressions, source)
        late_values = pc.sum(table.column(len(columns))).as_py() or 0
        rows = table.select(range(len(columns)))
        return InMemory(
            rows if spine.rows is None else beside(spine.rows, rows), late_values, "\n".join(line for (line,) in plan)
        )


def beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of two tables with the same rows."""
    return pa.Table.from_arrays([*left.columns, *right.columns], schema=pa.schema([*left.schema, *right.schema]))


def aliased(reads: Sequence[SetRead]) -> list[tuple[str, SetRead]]:
    """Each read with the alias under which its version is joined."""
    return [(f"set_{number}", read) for number, read in enumerate(reads, start=1)]


def keys_of(read: SetRead) -> list[Composable]:
    """The spine's columns that a read's keys are compared with."""
    return [Identifier(SPINE, binding.spine_column) for binding in read.keys]


def outputs(reads: Sequence[SetRead], columns: Sequence[Column]) -> list[Composable]:
    """What comes out for each output column, over versions joined under the aliases of `aliased`."""
    by_name = {
        feature.output: value
        for alias, r in aliased(reads)
        for feature, value in zip(r.features, values(r, alias), strict=True)
    }
    return [by_name[column.name] for column in columns]


def _late_values(reads: Sequence[SetRead], at: Composable) -> Composed:
    counts = [SQL("{}::int * {}").format(late(alias, at), Literal(len(r.features))) for alias, r in aliased(reads)]
    return joined(counts, " + ")
