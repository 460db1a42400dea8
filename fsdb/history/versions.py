"""Rows of a history table as the function that writes versions takes them."""

from collections.abc import Mapping, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.sql import joined


def version_row(
    registered: RegisteredSet,
    *,
    keys: Sequence[Composable],
    features: Mapping[str, Composable],
    event_time: Composable,
    others: Composable | None = None,
    deleted: bool = False,
) -> Composed:
    """The values of a version in the order of the history table's columns, for ROW(…)::history.

    features: expressions by column of history. Columns that are not among them, dropped features included, are taken
    from the row that the expression `others` stands for, or are NULL. version_id, recorded_at and xid are drawn where the version is written.
    """
    # A history table's columns are the fixed ones, the keys, then features in the order in which they were first added.
    kept = sorted((*registered.features, *registered.dropped_features), key=lambda feature: feature.feature_id)
    missing: Composable = SQL("NULL")
    values: list[Composable] = [
        missing,
        event_time,
        missing,
        missing,
        SQL("true") if deleted else SQL("false"),
        *keys,
    ]
    for feature in kept:
        column = feature.history_column
        carried = missing if others is None else SQL("{}.{}").format(others, Identifier(column))
        values.append(features.get(column, carried))
    return joined(values)
