"""Registered expressions: reading them from the catalog and writing them to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fsdb.catalog.nearest import nearest
from fsdb.definitions.expressions import Expression
from fsdb.errors import UnknownName
from fsdb.expressions.documents import from_document, to_document
from fsdb.expressions.tree import Node
from fsdb.sql import query

FILE = "catalog/expressions"


@dataclass(frozen=True)
class ExpressionInput:
    """What an expression reads, as it names it: a feature by its number, or a column of the request where there is none."""

    name: str
    type: str
    feature_id: int | None


@dataclass(frozen=True)
class RegisteredExpression:
    """An expression as the catalog knows it; `tree` is what every engine computes."""

    name: str
    expression: str
    type: str
    tree: Node
    inputs: tuple[ExpressionInput, ...]
    description: str
    tags: tuple[str, ...]
    owner: str

    @property
    def request(self) -> dict[str, str]:
        """The columns of the request, with their types."""
        return {one.name: one.type for one in self.inputs if one.feature_id is None}

    @property
    def features(self) -> dict[int, str]:
        """The features that it reads, by number, as it names them."""
        return {one.feature_id: one.name for one in self.inputs if one.feature_id is not None}


def list_expressions(
    connection: Connection[Any], names: Sequence[str] | None = None
) -> dict[str, RegisteredExpression]:
    """The registered expressions by name, in order of name; only those of `names` that exist, where given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "list"), {"names": None if names is None else list(names)}).fetchall()
    if not rows:
        return {}
    inputs: dict[str, list[ExpressionInput]] = {row["name"]: [] for row in rows}
    for owner, *rest in connection.execute(query(FILE, "inputs"), {"names": list(inputs)}).fetchall():
        inputs[owner].append(ExpressionInput(*rest))
    return {
        row["name"]: RegisteredExpression(
            **{**row, "tags": tuple(row["tags"]), "tree": from_document(row["tree"])},
            inputs=tuple(inputs[row["name"]]),
        )
        for row in rows
    }


def get_expression(connection: Connection[Any], name: str) -> RegisteredExpression:
    """The registered expression of that name. Raises UnknownName with the nearest names."""
    found = list_expressions(connection, [name])
    if name not in found:
        raise UnknownName(f"There is no expression {name!r}.{nearest(name, list(list_expressions(connection)))}")
    return found[name]


def put_expression(
    connection: Connection[Any], definition: Expression, tree: Node, inputs: Sequence[ExpressionInput]
) -> None:
    """Registers an expression, or writes its definition anew."""
    connection.execute(
        query(FILE, "put"),
        {
            "name": definition.name,
            "expression": definition.expression,
            "type": tree.type,
            "tree": Jsonb(to_document(tree)),
            "description": definition.description,
            "tags": list(definition.tags),
            "owner": definition.owner,
        },
    )
    connection.execute(query(FILE, "delete_inputs"), {"name": definition.name})
    given = {
        "names": [one.name for one in inputs],
        "types": [one.type for one in inputs],
        "feature_ids": [one.feature_id for one in inputs],
    }
    connection.execute(query(FILE, "insert_inputs"), {"expression": definition.name, **given})


def delete_expression(connection: Connection[Any], name: str) -> None:
    """Removes an expression from the catalog."""
    connection.execute(query(FILE, "delete"), {"name": name})


def expressions_of_sets(connection: Connection[Any], sets: Sequence[str]) -> list[str]:
    """The expressions that read a feature of one of these sets."""
    return [name for (name,) in connection.execute(query(FILE, "reading"), {"sets": list(sets)})]


def views_of_expression(connection: Connection[Any], name: str) -> list[str]:
    """The training views that an expression is in."""
    return [view for (view,) in connection.execute(query(FILE, "views"), {"name": name})]


def expression_definition(registered: RegisteredExpression) -> Expression:
    """The definition that declares a registered expression. Its parts were checked when they were written: nothing is parsed."""
    made = object.__new__(Expression)
    fields: Mapping[str, Any] = {
        "name": registered.name,
        "expression": registered.expression,
        "inputs": registered.request,
        "description": registered.description,
        "tags": registered.tags,
        "owner": registered.owner,
    }
    for field, value in fields.items():
        object.__setattr__(made, field, value)
    return made
