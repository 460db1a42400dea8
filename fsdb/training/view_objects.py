"""The view and the function that a training view is in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.asof import Column, SetRead
from fsdb.asof.binding import UUID, as_keys, family
from fsdb.asof.computing import bind_choice
from fsdb.asof.description import Computed
from fsdb.catalog.choice import Choice
from fsdb.definitions import TrainingView
from fsdb.engines.postgres.join import SPINE, keys_of
from fsdb.engines.postgres.lookup import newest
from fsdb.engines.postgres.pieces import aliased, output_values
from fsdb.errors import InvalidDefinition
from fsdb.exchange.queries import describe, query_text
from fsdb.expressions.statements import value_sql
from fsdb.history.objects import GeneratedObject
from fsdb.history.reach import bounded
from fsdb.keys import comparison_type
from fsdb.sql import joined, query
from fsdb.training.spine import check_timestamp
from fsdb.types import type_sql

FILE = "training/views"
_MOST_BYTES = 63  # of a name
MOST_COLUMNS = 1600  # of a view


def schema_and_name(view: TrainingView) -> tuple[str, str]:
    """The schema of a view's objects, and its name in it."""
    schema, _, name = view.name.rpartition(".")
    return schema or "public", name


@dataclass(frozen=True)
class _Read:
    """What a view reads, and what comes out of it: as in AsOf."""

    reads: Sequence[SetRead]
    outputs: Sequence[Column]
    computed: Sequence[Computed]
    shown: Sequence[str] | None

    @property
    def results(self) -> list[Column]:
        """The columns that come out."""
        every = {c.name: c for c in (*self.outputs, *(Column(one.output, one.type) for one in self.computed))}
        return list(every.values()) if self.shown is None else [every[name] for name in self.shown]

    def values(self, given: Mapping[str, Composable]) -> list[Composable]:
        """An SQL expression for each of the results; given: one for each column of the spine."""
        outputs = {c.name: v for c, v in zip(self.outputs, output_values(self.reads, self.outputs), strict=True)}
        values = outputs | {one.output: value_sql(one.tree, {**given, **outputs}) for one in self.computed}
        return [values[column.name] for column in self.results]


def compile_view(connection: Connection[Any], view: TrainingView, choice: Choice) -> list[GeneratedObject]:
    """A training view's objects; none where it has more columns than a view of PostgreSQL: it is then read from Python alone.

    Raises InvalidDefinition and InvalidData where its spine and features do not fit.
    """
    spine = query_text(view.spine)
    columns = describe(connection, spine, "spine")
    names = [column.name for column in columns]
    check_timestamp(columns, view.timestamp, None)
    if view.label is not None and view.label not in names:
        raise InvalidDefinition(
            f"The spine of {view.name} has no column {view.label!r}, which you named as the label (it has {', '.join(names)})."
        )
    columns = as_keys(choice.owners, columns)
    reads, outputs, computed, shown = bind_choice(choice, columns)
    if len(columns) + len(outputs) + len(computed) > MOST_COLUMNS:
        return []
    read = _Read(reads, outputs, computed, shown)
    for column in read.results:
        if len(column.name.encode()) > _MOST_BYTES:
            raise InvalidDefinition(
                f"{column.name!r} in training view {view.name} is longer than the {_MOST_BYTES} bytes that a column's name may have: choose the features in two views."
            )
    limited = {owner.name for owner in choice.owners if owner.limited}
    request = {name: kind for one in choice.expressions for name, kind in one.request.items()}
    return [_view(view, spine, columns, read, limited), _vector(view, columns, read, request)]


def _view(
    view: TrainingView,
    spine: Composable,
    columns: Sequence[Column],
    read: "_Read",
    limited: set[str],
) -> GeneratedObject:
    schema, name = schema_and_name(view)
    reads = read.reads
    keys = {binding.spine_column for one in reads for binding in one.keys}
    # A key compares by the feature set's collation, whichever the spine's column has.
    given = [_given(c) if c.name in keys else Identifier(c.name) for c in columns]
    at = Identifier(SPINE, view.timestamp)
    # Vectors need no bound: they read as of now, which is later than any reach.
    moments = {r.feature_set: bounded(r.feature_set, at) if r.feature_set in limited else at for r in reads}
    lookups = [
        query(
            "engines/postgres",
            "join_lookup",
            newest=newest(one, keys_of(one), moments[one.feature_set]),
            alias=Identifier(alias),
        )
        for alias, one in aliased(reads)
    ]
    selected = [
        *(Identifier(SPINE, column.name) for column in columns),
        *(
            SQL("{} AS {}").format(value, Identifier(c.name))
            for value, c in zip(
                read.values({column.name: Identifier(SPINE, column.name) for column in columns}),
                read.results,
                strict=True,
            )
        ),
    ]
    signature = SQL("{}").format(Identifier(schema, f"{name}_training"))
    create = query(
        FILE,
        "view",
        view=signature,
        columns=joined(selected),
        given=joined(given),
        spine=spine,
        lookups=joined(lookups, "\n"),
    )
    return GeneratedObject(
        "view",
        f"{schema}.{name}_training",
        signature,
        f"the rows of training view {view.name}, point-in-time correct",
        create,
    )


def _given(key: Column) -> Composable:
    column = Identifier(key.name)
    if key.type == UUID:  # or a text that is one
        return SQL("{} AS {}").format(query("training/spine", "as_uuid", value=column), column)
    return SQL('{0} COLLATE "default" AS {0}' if family(key.type) == "text" else "{0}").format(column)


def _vector(
    view: TrainingView, columns: Sequence[Column], read: "_Read", request: Mapping[str, str]
) -> GeneratedObject:
    schema, name = schema_and_name(view)
    reads, results = read.reads, read.results
    types = {b.spine_column: comparison_type(b.type) for one in reads for b in one.keys}
    keys = [column.name for column in columns if column.name in types]
    # What the request brings comes after the keys; a key may be both.
    given = {
        column.name: comparison_type(column.type)
        for column in columns
        if column.name in request and column.name not in types
    }
    types |= given
    keys += given
    position = {key: SQL(f"${number}") for number, key in enumerate(keys, start=1)}
    lookups = [
        query(
            "engines/postgres",
            "join_lookup",
            newest=newest(one, [position[b.spine_column] for b in one.keys], SQL("moment.at")),
            alias=Identifier(alias),
        )
        for alias, one in aliased(reads)
    ]
    found = [SQL("coalesce({}.found, false)").format(Identifier(alias)) for alias, _ in aliased(reads)]
    body = query(
        FILE,
        "vector_body",
        values=joined(read.values(position | {name: Identifier("moment", f"given_{name}") for name in given})),
        moment=joined(
            [
                SQL("pg_catalog.clock_timestamp() AS at"),
                *(SQL("{} AS {}").format(position[name], Identifier(f"given_{name}")) for name in given),
            ]
        ),
        found=joined(found, " AND ") if found else SQL("true"),
        lookups=joined(lookups, "\n"),
    ).as_string()
    function = Identifier(schema, f"{name}_vector")
    create = query(
        FILE,
        "vector",
        function=function,
        parameters=joined([SQL("{} {}").format(Identifier(key), type_sql(types[key])) for key in keys]),
        columns=joined([SQL("{} {}").format(Identifier(c.name), type_sql(c.type)) for c in results]),
        body=Literal(body),
    )
    signature = SQL("{}({})").format(function, joined([type_sql(types[key]) for key in keys]))
    return GeneratedObject(
        "function",
        f"{schema}.{name}_vector",
        signature,
        f"the features of training view {view.name} for one entity as of the moment of the call",
        create,
        body,
    )
