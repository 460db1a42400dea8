"""Expressions bound to the columns that a join gives: each a tree over columns of the spine and of the features read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from fsdb.asof.binding import bind
from fsdb.asof.description import Column, Computed, SetRead
from fsdb.asof.names import output_names
from fsdb.catalog.choice import Choice
from fsdb.catalog.expressions import RegisteredExpression
from fsdb.errors import InvalidData, InvalidDefinition
from fsdb.expressions.kinds import NUMBERS, input_type
from fsdb.expressions.tree import Call, Case, Input, Node

_HIDDEN = "expression_input_"


def hidden_names(choice: Choice, taken: Iterable[str]) -> list[str]:
    """Column names for the features that only expressions read."""
    used, names, number = set(taken), [], 0
    for _ in choice.hidden:
        number += 1
        while f"{_HIDDEN}{number}" in used:
            number += 1
        names.append(f"{_HIDDEN}{number}")
    return names


def bind_choice(
    choice: Choice, spine: Sequence[Column], where: str = "the spine"
) -> tuple[tuple[SetRead, ...], tuple[Column, ...], tuple[Computed, ...], tuple[str, ...] | None]:
    """What to read of each set, the columns that come of it, the expressions over them, and the names that come out: those of AsOf.

    Raises what `bind` and `bind_expression` raise, and InvalidDefinition where two columns would have one name.
    """
    names = output_names(choice.features)
    taken = {*(column.name for column in spine), *names, *(one.name for one in choice.expressions)}
    for expression in choice.expressions:
        if expression.name in names or any(expression.name == column.name for column in spine):
            raise InvalidDefinition(
                f"Expression {expression.name} and {'a feature' if expression.name in names else 'a column of the spine'} would both be called "
                f"{expression.name!r}: rename the one, or choose one of them."
            )
    reads, outputs = bind(choice.features, spine, list(zip(choice.hidden, hidden_names(choice, taken), strict=True)))
    if not choice.expressions:
        return reads, outputs, (), None
    features = {f.feature_id: Column(f.output, f.type) for read in reads for f in read.features}
    request = {column.name: column for column in spine}
    computed = tuple(bind_expression(one, features, request, where) for one in choice.expressions)
    stored = iter(names)
    shown = tuple(one.name if isinstance(one, RegisteredExpression) else next(stored) for one in choice.members)
    return reads, outputs, computed, shown


def bind_expression(
    expression: RegisteredExpression, features: Mapping[int, Column], request: Mapping[str, Column], where: str
) -> Computed:
    """An expression over columns: of its features by number, and of the request by name.

    where: what should bring the request's columns, for the message. Raises InvalidDefinition for one that is missing, InvalidData for one of
    another type.
    """
    columns: dict[str, Column] = {}
    for one in expression.inputs:
        if one.feature_id is not None:
            columns[one.name] = features[one.feature_id]
            continue
        if one.name not in request:
            raise InvalidDefinition(
                f"Expression {expression.name} reads {one.name} ({one.type}), which {where} does not have: give a column of that name."
            )
        columns[one.name] = request[one.name]
    tree = mapped(expression.tree, lambda given: _column(given, columns[given.name], expression.name))
    return Computed(expression.name, expression.type, tree)


def mapped(tree: Node, change: Callable[[Input], Node]) -> Node:
    """The tree with each input replaced."""
    if isinstance(tree, Input):
        return change(tree)
    if isinstance(tree, Call):
        return replace(tree, arguments=tuple(mapped(one, change) for one in tree.arguments))
    if isinstance(tree, Case):
        return Case(
            tuple(mapped(one, change) for one in tree.conditions),
            tuple(mapped(one, change) for one in tree.results),
            mapped(tree.otherwise, change),
            tree.type,
        )
    return tree


def _column(given: Input, column: Column, expression: str) -> Node:
    """A column as the expression reads it: what is narrower is widened."""
    kind = input_type(column.type)
    if kind == given.type:
        return Input(column.name, kind)
    if kind in NUMBERS and given.type in NUMBERS and NUMBERS.index(kind) < NUMBERS.index(given.type):
        return Call("cast", (Input(column.name, kind),), given.type)
    raise InvalidData(
        f"Expression {expression} reads {given.name} as {given.type}, and column {column.name!r} is {column.type}: cast the column."
    )
