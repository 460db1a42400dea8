"""The view and the function that a training view is in the database."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.asof import Column, SetRead
from fsdb.asof.binding import UUID, as_keys, bind, family
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.definitions import TrainingView
from fsdb.engines.postgres.join import SPINE, keys_of
from fsdb.engines.postgres.lookup import newest
from fsdb.engines.postgres.pieces import aliased, output_values
from fsdb.errors import InvalidDefinition
from fsdb.exchange.queries import describe, query_text
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


def compile_view(
    connection: Connection[Any], view: TrainingView, chosen: Sequence[tuple[RegisteredSet, RegisteredFeature]]
) -> list[GeneratedObject]:
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
    columns = as_keys((owner for owner, _ in chosen), columns)
    reads, results = bind(chosen, columns)
    if len(columns) + len(results) > MOST_COLUMNS:
        return []
    for column in results:
        if len(column.name.encode()) > _MOST_BYTES:
            raise InvalidDefinition(
                f"{column.name!r} in training view {view.name} is longer than the {_MOST_BYTES} bytes that a column's name may have: choose the features in two views."
            )
    limited = {owner.name for owner, _ in chosen if owner.limited}
    return [_view(view, spine, columns, reads, results, limited), _vector(view, columns, reads, results)]


def _view(
    view: TrainingView,
    spine: Composable,
    columns: Sequence[Column],
    reads: Sequence[SetRead],
    results: Sequence[Column],
    limited: set[str],
) -> GeneratedObject:
    schema, name = schema_and_name(view)
    keys = {binding.spine_column for read in reads for binding in read.keys}
    # A key compares by the feature set's collation, whichever the spine's column has.
    given = [_given(c) if c.name in keys else Identifier(c.name) for c in columns]
    at = Identifier(SPINE, view.timestamp)
    # Vectors need no bound: they read as of now, which is later than any reach.
    moments = {r.feature_set: bounded(r.feature_set, at) if r.feature_set in limited else at for r in reads}
    lookups = [
        query(
            "engines/postgres",
            "join_lookup",
            newest=newest(read, keys_of(read), moments[read.feature_set]),
            alias=Identifier(alias),
        )
        for alias, read in aliased(reads)
    ]
    selected = [
        *(Identifier(SPINE, column.name) for column in columns),
        *(
            SQL("{} AS {}").format(v, Identifier(c.name))
            for v, c in zip(output_values(reads, results), results, strict=True)
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
    view: TrainingView, columns: Sequence[Column], reads: Sequence[SetRead], results: Sequence[Column]
) -> GeneratedObject:
    schema, name = schema_and_name(view)
    types = {b.spine_column: comparison_type(b.type) for read in reads for b in read.keys}
    keys = [column.name for column in columns if column.name in types]
    position = {key: SQL(f"${number}") for number, key in enumerate(keys, start=1)}
    lookups = [
        query(
            "engines/postgres",
            "join_lookup",
            newest=newest(read, [position[b.spine_column] for b in read.keys], SQL("moment.at")),
            alias=Identifier(alias),
        )
        for alias, read in aliased(reads)
    ]
    found = [SQL("coalesce({}.found, false)").format(Identifier(alias)) for alias, _ in aliased(reads)]
    body = query(
        FILE,
        "vector_body",
        values=joined(output_values(reads, results)),
        found=joined(found, " AND "),
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
