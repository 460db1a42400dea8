"""Dates, moments and lengths of time."""

from typing import Any

from sqlglot import exp

from fsdb.expressions import literals
from fsdb.expressions.kinds import (
    IN_UTC,
    MOMENT,
)
from fsdb.expressions.syntax.translator import Translator, shown
from fsdb.expressions.tree import Call, Constant, Node

_FIELDS = ("year", "month", "day", "hour", "minute", "dow", "isodow", "doy")


def shifted(self: Translator, left: Node, interval: exp.Expression, operator: str) -> Node:
    self.only(interval, "this", "unit")
    if left.type != MOMENT or operator == "multiply":
        raise self.refused(
            f"has an interval beside a {left.type}", "add it to a moment (timestamptz), or count in numbers"
        )
    unit = interval.args.get("unit")
    literal = interval.this
    if not isinstance(literal, exp.Literal):
        raise self.refused("has an interval that is no constant", "write it in quotes, such as interval '90 minutes'")
    text = f"{literal.this} {unit.name if unit is not None else ''}"
    try:
        length = literals.microseconds(text)
    except ValueError as error:
        raise self.refused(f"has the interval {text.strip()!r}", str(error)) from error
    return Call("shift", (left, Constant(str(-length if operator == "subtract" else length), "bigint")), MOMENT)


def at_time_zone(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "zone")
    zone = node.args["zone"]
    value = self.node(node.this)
    if value.type != MOMENT or not isinstance(zone, exp.Literal) or zone.this != "UTC":
        raise self.refused(
            f"has {shown(node)}", "write x AT TIME ZONE 'UTC' of a timestamptz: zones' rules differ between systems"
        )
    return Call("utc", (value,), IN_UTC)


def extract(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expression")
    field = str(node.this.name).lower()
    given: Any = node.expression
    while isinstance(given, exp.Paren):
        given = given.this
    if field == "epoch":
        if type(given) is exp.Sub:
            left, right = self.pair(self.node(given.this), self.node(given.expression), "extract")
            if left.type == right.type == MOMENT:
                return Call("seconds_between", (left, right), "numeric")
        else:
            value = self.node(given)
            if value.type == MOMENT:
                return Call("epoch", (value,), "numeric")
        raise self.refused(
            "takes the epoch of something else than moments",
            "write extract(epoch from x), or from a - b, of timestamptz",
        )
    if field not in _FIELDS:
        raise self.refused(f"extracts {field}, which differs from engine to engine", f"use epoch, {', '.join(_FIELDS)}")
    value = self.node(given)
    if value.type == MOMENT:
        raise self.refused(
            f"extracts {field} in the session's time zone", f"write extract({field} from x AT TIME ZONE 'UTC')"
        )
    if value.type not in ("date", IN_UTC) or (value.type == "date" and field in ("hour", "minute")):
        raise self.refused(f"extracts {field} of a {value.type}", "give a date, or a timestamptz AT TIME ZONE 'UTC'")
    return Call("extract", (Constant(field, "text"), value), "numeric")
