"""A tree as SQL of PostgreSQL: operators and functions qualified, each operand in the type that the operator takes."""

from collections.abc import Callable, Mapping

from psycopg.sql import SQL, Composable, Composed, Literal

from fsdb.expressions.kinds import UNKNOWN
from fsdb.expressions.operators import COMPARISONS
from fsdb.expressions.tree import Call, Case, Constant, Input, Node
from fsdb.sql import fragment, joined
from fsdb.types import type_sql

FILE = "expressions/operators"


def value_sql(tree: Node, columns: Mapping[str, Composable]) -> Composed:
    """The value of a tree as an SQL expression, given one for each input by name.

    It names nothing that a search path could turn into something else, and no operand stands in it more often than in the tree.
    """
    match tree:
        case Input(name, kind):
            return _part("cast", value=columns[name], type=type_sql(kind))
        case Constant(text, kind):
            return _part("constant", text=Literal(text), type=type_sql("text" if kind == UNKNOWN else kind))
        case Call():
            return _call(tree, columns)
        case Case(conditions, results, otherwise, _):
            branches = [
                _part("when", condition=value_sql(when, columns), result=value_sql(then, columns))
                for when, then in zip(conditions, results, strict=True)
            ]
            return _part("case", branches=joined(branches, " "), otherwise=value_sql(otherwise, columns))


def _part(name: str, /, **parts: Composable) -> Composed:
    return fragment(FILE, name, **parts)


def _call(call: Call, columns: Mapping[str, Composable]) -> Composed:
    special = _SPECIAL.get(call.operator)
    if special is not None:
        return special(call, columns)
    values = [value_sql(argument, columns) for argument in call.arguments]
    if call.operator in COMPARISONS and call.arguments[0].type == "text":
        values = [_part("bytewise", value=value) for value in values]
    if call.operator == "bytewise":
        return _part("bytewise", value=values[0])
    return _part(call.operator, **dict(zip(("left", "right"), values, strict=False)))


def _cast(call: Call, columns: Mapping[str, Composable]) -> Composed:
    return _part("cast", value=value_sql(call.arguments[0], columns), type=type_sql(call.type))


def _divided(call: Call, columns: Mapping[str, Composable]) -> Composed:
    divisor = call.arguments[1]
    right = value_sql(divisor, columns)
    zero = value_sql(Constant("0", divisor.type), columns)
    if _never_zero(divisor):
        return _part(call.operator, left=value_sql(call.arguments[0], columns), right=right)
    if isinstance(divisor, Constant | Input):
        right = _part("nullif_plain", value=right, other=zero)
    else:
        right = _part("nullif", value=right, other=zero)
    return _part(call.operator, left=value_sql(call.arguments[0], columns), right=right)


def _never_zero(divisor: Node) -> bool:
    """Whether a divisor is another constant than 0, or NULL in place of 0 already."""
    if isinstance(divisor, Call):
        other = divisor.arguments[-1]
        return divisor.operator == "nullif" and isinstance(other, Constant) and _is_zero(other)
    return isinstance(divisor, Constant) and not _is_zero(divisor)


def _is_zero(given: Constant) -> bool:
    return given.text is not None and float(given.text) == 0


def _nullif(call: Call, columns: Mapping[str, Composable]) -> Composed:
    value, other = (value_sql(argument, columns) for argument in call.arguments)
    if call.type == "text":
        value, other = _part("bytewise", value=value), _part("bytewise", value=other)
    plain = isinstance(call.arguments[0], Constant | Input)
    return _part("nullif_plain" if plain else "nullif", value=value, other=other)


def _distinct(call: Call, columns: Mapping[str, Composable]) -> Composed:
    values = [value_sql(argument, columns) for argument in call.arguments]
    if call.arguments[0].type == "text":
        values = [_part("bytewise", value=value) for value in values]
    return _part(call.operator, left=values[0], right=values[1])


def _in(call: Call, columns: Mapping[str, Composable]) -> Composed:
    value, *others = (value_sql(argument, columns) for argument in call.arguments)
    if call.arguments[0].type == "text":
        value = _part("bytewise", value=value)
    return _part("in", value=value, others=joined(others), type=type_sql(call.arguments[0].type))


def _listed(call: Call, columns: Mapping[str, Composable]) -> Composed:
    values = [value_sql(argument, columns) for argument in call.arguments]
    if call.type == "text" and call.operator != "coalesce":
        values = [_part("bytewise", value=value) for value in values]
    return _part(call.operator, values=joined(values))


def _extract(call: Call, columns: Mapping[str, Composable]) -> Composed:
    field, value = call.arguments
    assert isinstance(field, Constant)
    return _part("extract", field=Literal(field.text), value=value_sql(value, columns))


def _shift(call: Call, columns: Mapping[str, Composable]) -> Composed:
    value, length = call.arguments
    assert isinstance(length, Constant)
    return _part("shift", value=value_sql(value, columns), length=Literal(f"{length.text} microseconds"))


def _logical(call: Call, columns: Mapping[str, Composable]) -> Composed:
    word = SQL(" AND ") if call.operator == "and" else SQL(" OR ")
    values = [value_sql(argument, columns) for argument in call.arguments]
    return Composed([SQL("("), word.join(values), SQL(")")])


_SPECIAL: Mapping[str, Callable[[Call, Mapping[str, Composable]], Composed]] = {
    "cast": _cast,
    "divide": _divided,
    "div": _divided,
    "mod": _divided,
    "nullif": _nullif,
    "distinct": _distinct,
    "not_distinct": _distinct,
    "in": _in,
    "greatest": _listed,
    "least": _listed,
    "coalesce": _listed,
    "extract": _extract,
    "shift": _shift,
    "and": _logical,
    "or": _logical,
}
