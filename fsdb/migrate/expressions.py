"""Registering expressions: compiled, checked on edge values in PostgreSQL and outside of it, and only then visible."""

from typing import Any

from psycopg import Connection

from fsdb import training
from fsdb.catalog.choice import check_name
from fsdb.catalog.expressions import (
    ExpressionInput,
    RegisteredExpression,
    delete_expression,
    expression_definition,
    expressions_of_sets,
    get_expression,
    list_expressions,
    put_expression,
    views_of_expression,
)
from fsdb.catalog.feature_sets import RegisteredFeature
from fsdb.catalog.readable import readable_sets, resolve_each
from fsdb.definitions.expressions import Expression
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.migrate.expression_changes import AlterExpression, CreateExpression, DropExpression


def create(connection: Connection[Any], change: CreateExpression) -> None:
    """Registers an expression. Raises InvalidDefinition where it has another value elsewhere than in PostgreSQL."""
    check_name(connection, change.definition.name)
    _put(connection, change.definition, {})


def alter(connection: Connection[Any], change: AlterExpression) -> None:
    """Registers it anew, and makes the training views anew that it is in."""
    _put(connection, change.after, _by_name(connection, get_expression(connection, change.after.name)))
    for view in views_of_expression(connection, change.after.name):
        training.register_view(connection, training.get_view(connection, view))


def drop(connection: Connection[Any], change: DropExpression) -> None:
    """Removes it. Raises ChangeRefused while a training view has it."""
    views = views_of_expression(connection, change.definition.name)
    if views:
        raise ChangeRefused(
            f"Expression {change.definition.name} is not dropped while training view {views[0]} has it: drop the view or take the expression out of it."
        )
    delete_expression(connection, change.definition.name)


def recompile(connection: Connection[Any], set_name: str) -> None:
    """Compiles the expressions anew that read a set of which a feature has another type now."""
    found = list_expressions(connection, expressions_of_sets(connection, [set_name]))
    for registered in found.values():
        _put(connection, expression_definition(registered), _by_name(connection, registered))


def _by_name(connection: Connection[Any], registered: RegisteredExpression) -> dict[str, RegisteredFeature]:
    """The features that an expression reads, as it names them: they may have been renamed since."""
    current = {f.feature_id: f for owner in readable_sets(connection).values() for f in owner.features}
    return {name: current[number] for number, name in registered.features.items() if number in current}


def _put(connection: Connection[Any], definition: Expression, known: dict[str, RegisteredFeature]) -> None:
    # sqlglot and numpy, which other changes do not wait for
    from fsdb.expressions.kinds import RESULTS, input_type
    from fsdb.expressions.parity import check_parity
    from fsdb.expressions.translation import compiled
    from fsdb.expressions.tree import inputs_of

    request = definition.request
    features: dict[str, int] = {}

    def type_of(name: str) -> str:
        if "." in name:
            feature = known.get(name) or resolve_each(connection, [name])[0][1]
            features[name], given = feature.feature_id, feature.type
        else:
            given = request[name]
        kind = input_type(given)
        if kind is None:
            raise InvalidDefinition(
                f"Expression {definition.name} reads {name}, which is {given}: expressions read {', '.join(RESULTS)}."
            )
        return kind

    tree = compiled(definition.expression, definition.name, type_of)
    check_parity(connection, tree, definition.name)
    inputs = [
        ExpressionInput(name, request.get(name, kind), features.get(name)) for name, kind in inputs_of(tree).items()
    ]
    # An input of which nothing is left in the tree is one all the same.
    inputs += [
        ExpressionInput(name, kind, None) for name, kind in request.items() if name not in {one.name for one in inputs}
    ]
    put_expression(connection, definition, tree, inputs)
