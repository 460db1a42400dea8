"""Arithmetic and the functions of numbers."""

from collections.abc import Callable

from sqlglot import exp

from fsdb.expressions.kinds import (
    INTEGERS,
    MOMENT,
    NUMBERS,
    UNKNOWN,
    common,
)
from fsdb.expressions.syntax.times import shifted
from fsdb.expressions.syntax.translator import Translator, shown
from fsdb.expressions.tree import Call, Constant, Node


def arithmetic(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this", "expression")
        left = self.node(node.this)
        if isinstance(node.expression, exp.Interval):
            return shifted(self, left, node.expression, operator)
        right = self.node(node.expression)
        kinds = (left.type, right.type)
        if "date" in kinds and operator != "multiply":
            if kinds == ("date", "date") and operator == "subtract":
                return Call("subtract", (left, right), "integer")
            if left.type == "date" and right.type in ("smallint", "integer"):
                return Call(operator, (left, self.typed(right, "integer")), "date")
        if MOMENT in kinds:
            raise self.refused(
                f"has {shown(node)}",
                "write extract(epoch from a - b) for the seconds between two moments, or a + interval '1 hour'",
            )
        if UNKNOWN in kinds and set(kinds) <= {*NUMBERS, UNKNOWN} and kinds != (UNKNOWN, UNKNOWN):
            kind = left.type if right.type == UNKNOWN else right.type
            left, right = self.typed(left, kind), self.typed(right, kind)
        left, right = (self.number(one, shown(node)) for one in (left, right))
        kind = common(left.type, right.type)
        return Call(operator, (self.typed(left, kind), self.typed(right, kind)), kind)

    return translate


def divide(self: Translator, node: exp.Expression) -> Node:
    left, right = (self.number(self.node(one), "a division") for one in (node.this, node.expression))
    kind = common(left.type, right.type)
    if kind in INTEGERS:
        raise self.refused(
            "divides integers with /, which drops the rest in PostgreSQL and keeps it elsewhere",
            "write a::float8 / b, or div(a, b)",
        )
    if kind == "numeric":
        raise self.refused(
            "divides numeric values, whose digits differ from engine to engine", "write a::float8 / b::float8"
        )
    return Call("divide", (self.typed(left, kind), self.typed(right, kind)), kind)


def whole(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        left, right = self.node(node.this), self.node(node.expression)
        if not {left.type, right.type} <= set(INTEGERS):
            raise self.refused(
                f"takes {operator} of {left.type} and {right.type}", "give integers, or write floor(a / b)"
            )
        kind = common(left.type, right.type)
        return Call(operator, (self.typed(left, kind), self.typed(right, kind)), kind)

    return translate


def negate(self: Translator, node: exp.Expression) -> Node:
    value = self.number(self.node(node.this), "-")
    return Call("negate", (value,), value.type)


def function(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    """abs keeps the type of a number; the others make integers and reals double precision, as PostgreSQL's do."""

    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this")
        value = self.number(self.node(node.this), operator)
        if operator == "sqrt" and value.type == "numeric":
            raise self.refused("takes the square root of a numeric, whose digits differ", "write sqrt(x::float8)")
        if operator != "abs" and value.type != "numeric":
            value = self.typed(value, "double precision")
        return Call(operator, (value,), value.type)

    return translate


def to_digits(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "decimals")
    value = self.number(self.node(node.this), "round")
    if value.type != "numeric":
        raise self.refused(
            f"rounds a {value.type}, whose halves go up here and to even there",
            "write floor(x + 0.5), or floor(x * 100 + 0.5) / 100",
        )
    digits = node.args.get("decimals")
    places = Constant("0", "integer") if digits is None else self.node(digits)
    if not isinstance(places, Constant) or places.type != "integer" or int(places.text or "0") > 30:
        raise self.refused("rounds to a number of digits that is no constant of up to 30", "write it as a number")
    return Call("round", (value, places), "numeric")
