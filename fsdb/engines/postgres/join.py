"""The point-in-time join of a spine with feature sets, compiled to one query and run."""

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, Column, SetRead
from fsdb.engines.postgres.copy_out import read
from fsdb.engines.postgres.lookup import FILE, late, newest, values
from fsdb.engines.protocol import Result
from fsdb.errors import InvalidData
from fsdb.sql import joined, query

MOST_COLUMNS = 1664 - 2  # of a query's result, less what orders the rows and what counts late values
SPINE = "spine"


class PostgresEngine:
    """Runs point-in-time joins in the database that holds the history."""

    name = "postgres"

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows, in the caller's transaction."""
        spine = description.spine
        columns = [*spine.columns, *description.outputs]
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
        relation = SQL(".").join(map(Identifier, spine.relation))
        source = query(
            FILE, "join", relation=relation, lookups=joined(lookups, "\n"), ordinal=Identifier(spine.ordinal)
        )
        expressions: list[Composable] = [
            *(Identifier(SPINE, column.name) for column in spine.columns),
            *outputs(description.reads, description.outputs),
            _late_values(description.reads, at),
        ]
        with connection.transaction(force_rollback=True):
            connection.execute(query(FILE, "planner"))
            plan = connection.execute(query(FILE, "explain", expressions=joined(expressions), source=source)).fetchall()
            table = read(connection, [*columns, Column("late_values", "bigint")], expressions, source)
        late_values = pc.sum(table.column(len(columns))).as_py() or 0
        return Result(table.select(range(len(columns))), late_values, "\n".join(line for (line,) in plan))


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
