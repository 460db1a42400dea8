"""Conditions of windows: which events count, as expressions over the events' columns."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.nearest import nearest
from fsdb.definitions.windows import WindowFeature
from fsdb.errors import InvalidDefinition, UnknownName


def documents(
    connection: Connection[Any], set_name: str, events: RegisteredSet, features: Iterable[WindowFeature]
) -> dict[str, Any]:
    """The features' conditions as documents, by their texts; inputs are the events' feature_ids.

    Raises InvalidDefinition for what is no condition over a row's columns that means the same on every engine, UnknownName for a column
    that the events lack.
    """
    found: dict[str, Any] = {}
    for feature in features:
        if feature.where is not None and feature.where not in found:
            found[feature.where] = _document(connection, f"(where of {set_name}.{feature.name})", feature.where, events)
    return found


def _document(connection: Connection[Any], name: str, text: str, events: RegisteredSet) -> Any:
    from fsdb.expressions import renamed, to_document
    from fsdb.expressions.kinds import RESULTS, input_type
    from fsdb.expressions.parity import check_parity
    from fsdb.expressions.translation import compiled  # with sqlglot, which reading needs not

    columns = events.features_by_name

    def type_of(column: str) -> str:
        if column not in columns:
            raise UnknownName(
                f"The expression {name} is over column {column!r}, which {events.name} has not.{nearest(column, list(columns))}"
            )
        kind = input_type(columns[column].type)
        if kind is None:
            raise InvalidDefinition(
                f"The expression {name} is over column {column!r}, which is {columns[column].type}: expressions take {', '.join(RESULTS)}."
            )
        return kind

    tree = compiled(text, name, type_of)
    if tree.type != "boolean":
        raise InvalidDefinition(f"Expression {name} is of type {tree.type}: write a condition, such as status = 'ok'.")
    check_parity(connection, tree, name)
    return to_document(renamed(tree, {column: str(one.feature_id) for column, one in columns.items()}))
