"""What people read history by: a view of its versions, and a function for a moment."""

from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.history import bounds
from fsdb.history.columns import Columns
from fsdb.history.names import as_of_function, history_view
from fsdb.history.objects import GeneratedObject
from fsdb.history.reach import bounded
from fsdb.sql import joined, query
from fsdb.types import type_sql


def views(registered: RegisteredSet) -> list[GeneratedObject]:
    """The view <set>_history and the function <set>_as_of."""
    return [_history_view(registered), _as_of_function(registered)]


def _history_view(registered: RegisteredSet) -> GeneratedObject:
    columns = Columns(registered)
    shown: list[Composable] = [Identifier("h", key) for key in columns.key_names]
    for feature in registered.features:
        shown.append(SQL("{} AS {}").format(Identifier("h", feature.history_column), Identifier(feature.name)))
    view = history_view(registered)
    left = "; those that have left for the columnar copy are not among them" if registered.limited else ""
    return GeneratedObject(
        "view",
        f"{registered.schema_name}.{registered.table_name}_history",
        SQL("{}").format(view),
        f"versions of {registered.name}, with the time during which each holds" + left,
        query(
            "history/objects",
            "history_view",
            view=view,
            columns=joined(shown),
            h_keys=columns.keys("h"),
            history=registered.history,
        ),
    )


def _as_of_function(registered: RegisteredSet) -> GeneratedObject:
    columns = Columns(registered)
    shown: list[Composable] = [Identifier("v", key) for key in columns.key_names]
    for feature in registered.features:
        column = Identifier("v", feature.history_column)
        name = Identifier(feature.name)
        if registered.max_age is None:
            shown.append(SQL("{} AS {}").format(column, name))
        else:
            shown.append(
                query("history/objects", "aged", column=column, name=name, max_age=bounds.interval(registered.max_age))
            )
    types: list[Composable] = [
        SQL("{} {}").format(Identifier(key), type_sql(kind)) for key, kind in registered.keys.items()
    ]
    types += [SQL("{} {}").format(Identifier(f.name), type_sql(f.type)) for f in registered.features]
    function = as_of_function(registered)
    at = SQL("$1")
    body = query(
        "history/objects",
        "as_of_body",
        at=bounded(registered.name, at) if registered.limited else at,
        columns=joined(shown),
        h_keys=columns.keys("h"),
        history=registered.history,
    ).as_string()
    return GeneratedObject(
        "function",
        f"{registered.schema_name}.{registered.table_name}_as_of",
        SQL("{}(timestamp with time zone)").format(function),
        f"{registered.name} as it was at a time",
        query("history/objects", "as_of_function", function=function, types=joined(types), body=Literal(body)),
        body,
    )
