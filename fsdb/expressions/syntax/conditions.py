"""Comparisons, tests, logic and choices."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from fsdb.expressions.kinds import (
    IN_UTC,
    INTEGERS,
    NUMBERS,
    UNKNOWN,
)
from fsdb.expressions.syntax.translator import COMPARED, Translator, bytewise, shown
from fsdb.expressions.tree import Call, Case, Node


def comparison(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this", "expression")
        for side in (node.this, node.expression):
            if isinstance(side, (*COMPARED, exp.Not)):
                raise self.refused(
                    f"compares a comparison in {shown(node)}", "put the one that is meant first in brackets"
                )
        return compare(self, operator, self.node(node.this), self.node(node.expression), node)

    return translate


def compare(self: Translator, operator: str, left: Node, right: Node, node: exp.Expression) -> Node:
    left, right = self.pair(left, right, shown(node))
    if left.type == "text" and operator in ("less", "at_most", "greater", "at_least") and not bytewise(left, right):
        raise self.refused(
            "orders texts, which each database does in its own way",
            'write x COLLATE "C" < y, which goes byte by byte',
        )
    return Call(operator, (left, right), "boolean")


def is_(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expression", "negate")
    given: Any = node.this
    if isinstance(given, (*COMPARED, exp.Not)):
        raise self.refused(f"asks {shown(node)}", "put what is asked about in brackets")
    negated = "not_" if node.args.get("negate") else ""
    if type(node.expression) is exp.Null:
        value = self.node(given)
        if value.type == UNKNOWN:
            value = self.typed(value, "text")
        if value.type == IN_UTC:
            raise self.refused("asks whether a time without a zone is NULL", "leave AT TIME ZONE out")
        return Call(f"is_{negated}null", (value,), "boolean")
    if type(node.expression) is exp.Boolean:
        value = self.boolean(given, shown(node))
        return Call(f"is_{negated}{'true' if node.expression.this else 'false'}", (value,), "boolean")
    raise self.refused(f"has {shown(node)}", "use IS NULL, IS TRUE, IS FALSE or IS DISTINCT FROM")


def in_(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expressions")
    given = node.args.get("expressions") or []
    if isinstance(node.this, (*COMPARED, exp.Not)) or not given:
        raise self.refused(f"has {shown(node)}", "write x IN (a, b), with what is meant first in brackets")
    found = [self.node(one) for one in (node.this, *given)]
    kinds = {one.type for one in found} - {UNKNOWN}
    if "real" in kinds and len(kinds) > 1:
        raise self.refused("looks for a real among other numbers", "write x::float8 IN (…)")
    if kinds <= set(NUMBERS):
        kind = max(kinds, key=NUMBERS.index) if kinds else "text"
    elif len(kinds) == 1:
        kind = kinds.pop()
    else:
        raise self.refused(
            f"looks for one of {' and '.join(sorted(kinds))} among others", "cast them to one type with ::"
        )
    if kind == IN_UTC:
        raise self.refused("compares times without a zone", "leave AT TIME ZONE out")
    return Call("in", tuple(self.typed(one, kind) for one in found), "boolean")


def between(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "low", "high")
    for side in (node.this, node.args["low"], node.args["high"]):
        if isinstance(side, (*COMPARED, exp.Not)):
            raise self.refused(f"has {shown(node)}", "put what is meant first in brackets")
    # The value stands in the tree twice, and counts twice.
    low = compare(self, "at_least", self.node(node.this), self.node(node.args["low"]), node)
    high = compare(self, "at_most", self.node(node.this), self.node(node.args["high"]), node)
    return Call("and", (low, high), "boolean")


def logical(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        terms: list[Any] = []
        given: Any = node
        while type(given) is type(node):  # a chain is one operator over many
            terms.append(given.expression)
            given = given.this
        values = tuple(self.boolean(one, operator.upper()) for one in [given, *reversed(terms)])
        return Call(operator, values, "boolean")

    return translate


def not_(self: Translator, node: exp.Expression) -> Node:
    return Call("not", (self.boolean(node.this, "NOT"),), "boolean")


def case(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "ifs", "default")
    given = node.args["ifs"]
    if any(type(branch) is not exp.If for branch in given):
        raise self.refused("has a CASE of another form", "write CASE WHEN … THEN … ELSE … END")
    if node.this is None:
        conditions = [self.boolean(branch.this, "WHEN") for branch in given]
    else:
        conditions = []
        for branch in given:
            conditions.append(compare(self, "equal", self.node(node.this), self.node(branch.this), node))
    default = node.args.get("default")
    # PostgreSQL names the type of ELSE first; the order does not matter to which it is.
    values = self.many([*(branch.args["true"] for branch in given), default or exp.Null()], "CASE")
    return Case(tuple(conditions), tuple(values[:-1]), values[-1], values[-1].type)


def listed(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this", "expressions", "ignore_nulls")
        values = self.many([node.this, *(node.args.get("expressions") or [])], operator.upper())
        kind = values[0].type
        if kind == "text" and operator != "coalesce" and not bytewise(*values):
            raise self.refused(
                "orders texts, which each database does in its own way",
                f'write {operator}(x COLLATE "C", y), which goes byte by byte',
            )
        return Call(operator, tuple(values), kind)

    return translate


def nullif(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expression")
    value = self.node(node.this)
    left, right = self.pair(value, self.node(node.expression), "NULLIF")
    found = Call("nullif", (left, right), left.type)
    # PostgreSQL gives the type of the first, unless it had to widen it to one of another kind.
    stays = value.type == "real" or (value.type in INTEGERS and left.type in INTEGERS)
    return self.typed(found, value.type) if stays else found
