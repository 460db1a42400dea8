"""The value of a tree over Arrow columns: the one evaluator for DuckDB, Spark, and whatever has rows outside of PostgreSQL.

A row is computed as PostgreSQL computes it: what stands behind a condition that is not true, behind COALESCE's first value or behind the
first false of an AND is not computed for it, so it raises no error there.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from fsdb.errors import InvalidData
from fsdb.expressions import casts, comparisons, numbers, texts, times
from fsdb.expressions.kinds import FLOATS, IN_UTC, INTEGERS, MOMENT, UNKNOWN
from fsdb.expressions.operators import COMPARISONS
from fsdb.expressions.tree import Call, Case, Constant, Input, Node, inputs_of
from fsdb.expressions.values import NUMPY, Mask, OutOfRange, Values, from_arrow, nothing, to_arrow

Columns = Mapping[str, pa.Array | pa.ChunkedArray]
_ROWS = 65_536  # at a time: what is computed on the way stays small


def evaluate(tree: Node, columns: Columns, rows: int, name: str) -> pa.ChunkedArray:
    """The values of the expression `name`, one for each of `rows` rows, given a column for each input by name.

    Raises InvalidData where a row's value leaves the range of its type, as PostgreSQL does.
    """
    wanted = inputs_of(tree)
    chunks = []
    try:
        for first in range(0, max(rows, 1), _ROWS):
            count = min(_ROWS, rows - first)
            given = {one: from_arrow(columns[one].slice(first, count), kind) for one, kind in wanted.items()}
            chunks.append(to_arrow(compute(tree, given, count)))
    except OutOfRange as error:
        raise InvalidData(
            f"Expression {name} {error}: give it other inputs, or keep them in range with least and greatest."
        ) from error
    return pa.chunked_array(chunks)


def compute(tree: Node, given: Mapping[str, Values], count: int) -> Values:
    """The values of a tree. Raises OutOfRange."""
    return _Rows(given, count).value(tree, np.ones(count, bool))


def constant(node: Constant, count: int) -> Values:
    """A constant in each row."""
    kind = "text" if node.type == UNKNOWN else node.type
    if node.text is None:
        return nothing(kind, count)
    value: Any = node.text
    if kind in INTEGERS:
        value = int(node.text)
    elif kind in FLOATS:
        value = float(node.text)
    elif kind == "numeric":
        value = Decimal(node.text)
    elif kind == "boolean":
        value = node.text == "true"
    elif kind == "date":
        value = (date.fromisoformat(node.text) - date(1970, 1, 1)).days
    elif kind == MOMENT:
        value = (datetime.fromisoformat(node.text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Values(np.full(count, value, dtype=NUMPY[kind]), np.ones(count, bool), kind)


class _Rows:
    def __init__(self, given: Mapping[str, Values], count: int) -> None:
        self.given = given
        self.count = count

    def value(self, node: Node, rows: Mask) -> Values:
        """The node's values in some rows; NULL in all others, so that nothing of these is computed further."""
        match node:
            case Input(name, _):
                return self.given[name].where(rows)
            case Constant():
                return constant(node, self.count).where(rows)
            case Case():
                return self.case(node, rows)
            case Call():
                return self.call(node, rows)

    def case(self, node: Case, rows: Mask) -> Values:
        result, left = nothing(node.type, self.count), rows
        for condition, then in zip(node.conditions, node.results, strict=True):
            found = self.value(condition, left)
            true = left & found.valid & found.data
            result = _filled(result, self.value(then, true), true)
            left = left & ~true
        return _filled(result, self.value(node.otherwise, left), left)

    def call(self, node: Call, rows: Mask) -> Values:
        lazy = _LAZY.get(node.operator)
        if lazy is not None:
            return lazy(self, node, rows)
        if node.operator == "cast":
            return self.cast(node, rows).where(rows)
        values = [self.value(argument, rows) for argument in node.arguments]
        return _called(node, values).where(rows)

    def cast(self, node: Call, rows: Mask) -> Values:
        (inner,) = node.arguments
        if isinstance(inner, Call) and node.type != "numeric":
            if inner.operator in _SECONDS and node.type == "double precision":
                return _SECONDS[inner.operator](*(self.value(argument, rows) for argument in inner.arguments))
            if inner.operator == "extract":
                return self.part(inner, node.type, rows)
        value = self.value(inner, rows)
        if value.type == IN_UTC:
            return times.to_date(value)
        return casts.cast(value, node.type)

    def part(self, inner: Call, kind: str, rows: Mask) -> Values:
        field, argument = inner.arguments
        assert isinstance(field, Constant)
        found, there, endless = times.part(str(field.text), self.value(argument, rows))
        if np.any(endless):
            return casts.cast(times.extract(str(field.text), self.value(argument, rows)), kind)
        return casts.cast(Values(found, there, "bigint"), kind)

    def logical(self, node: Call, rows: Mask) -> Values:
        decides = node.operator == "or"  # the value that ends it
        left, unknown = rows, np.zeros(self.count, bool)
        found = np.zeros(self.count, bool)
        for argument in node.arguments:
            value = self.value(argument, left)
            ended = left & value.valid & (value.data == decides)
            unknown |= left & ~value.valid
            found |= ended
            left = left & ~ended
        result = np.where(found, decides, not decides)
        return Values(result, rows & (found | ~unknown), "boolean")

    def coalesce(self, node: Call, rows: Mask) -> Values:
        result, left = nothing(node.type, self.count), rows
        for argument in node.arguments:
            value = self.value(argument, left)
            taken = left & value.valid
            result = _filled(result, value, taken)
            left = left & ~taken
        return result


def _filled(result: Values, value: Values, rows: Mask) -> Values:
    return Values(np.where(rows, value.data, result.data), np.where(rows, value.valid, result.valid), result.type)


def _called(node: Call, values: list[Values]) -> Values:
    operator = node.operator
    if operator in COMPARISONS:
        return comparisons.compare(operator, *values)
    if operator in _WITH_CONSTANT:
        return _WITH_CONSTANT[operator](node, values)
    return _FUNCTIONS[operator](*values)


def _added(operator: str, left: Values, right: Values) -> Values:
    if left.type == "date":
        if right.type == "date":
            return times.days_between(left, right)
        return times.add_days(operator, left, right)
    return numbers.arithmetic(operator, left, right)


def _told(found: Mask) -> Values:
    return Values(found, np.ones(len(found), bool), "boolean")


def _text_of(argument: Node) -> str:
    assert isinstance(argument, Constant)
    return str(argument.text)


_LAZY: Mapping[str, Callable[[_Rows, Call, Mask], Values]] = {
    "and": _Rows.logical,
    "or": _Rows.logical,
    "coalesce": _Rows.coalesce,
}
_SECONDS: Mapping[str, Callable[..., Values]] = {
    "epoch": times.epoch_double,
    "seconds_between": times.seconds_between_double,
}
# The operators of which one argument is a constant.
_WITH_CONSTANT: Mapping[str, Callable[[Call, list[Values]], Values]] = {
    "round": lambda node, values: numbers.to_digits(values[0], int(_text_of(node.arguments[1]))),
    "extract": lambda node, values: times.extract(_text_of(node.arguments[0]), values[1]),
    "shift": lambda node, values: times.shift(values[0], int(_text_of(node.arguments[1]))),
}
_FUNCTIONS: Mapping[str, Callable[..., Values]] = {
    "add": lambda a, b: _added("add", a, b),
    "subtract": lambda a, b: _added("subtract", a, b),
    "multiply": lambda a, b: _added("multiply", a, b),
    "divide": numbers.divide,
    "div": lambda a, b: numbers.whole("div", a, b),
    "mod": lambda a, b: numbers.whole("mod", a, b),
    "negate": numbers.negate,
    "abs": numbers.absolute,
    "sign": numbers.sign,
    "floor": lambda a: numbers.rounded("floor", a),
    "ceil": lambda a: numbers.rounded("ceil", a),
    "trunc": lambda a: numbers.rounded("trunc", a),
    "sqrt": numbers.root,
    "distinct": lambda a, b: _told(comparisons.distinct(a, b)),
    "not_distinct": lambda a, b: _told(~comparisons.distinct(a, b)),
    "in": lambda a, *others: comparisons.among(a, others),
    "nullif": comparisons.without,
    "greatest": lambda *given: comparisons.extreme("greatest", given),
    "least": lambda *given: comparisons.extreme("least", given),
    "is_null": lambda a: _told(~a.valid),
    "is_not_null": lambda a: _told(a.valid),
    "is_true": lambda a: _told(a.valid & a.data),
    "is_not_true": lambda a: _told(~(a.valid & a.data)),
    "is_false": lambda a: _told(a.valid & ~a.data),
    "is_not_false": lambda a: _told(~(a.valid & ~a.data)),
    "not": lambda a: Values(~a.data, a.valid, "boolean"),
    "bytewise": lambda a: a,
    "concat": texts.concat,
    "length": texts.length,
    "upper": lambda a: texts.letters("upper", a),
    "lower": lambda a: texts.letters("lower", a),
    "starts_with": texts.starts_with,
    "strpos": texts.position,
    "utc": lambda a: Values(a.data, a.valid, IN_UTC),
    "epoch": times.epoch,
    "seconds_between": times.seconds_between,
}
