"""sqlglot's syntax tree, to the typed tree: a list of what an expression may hold, and PostgreSQL's own rules for the types.

What means one thing in PostgreSQL and another elsewhere is refused, with the way to write it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from fsdb.errors import InvalidDefinition
from fsdb.expressions.constants import check_constants
from fsdb.expressions.kinds import (
    IN_UTC,
    RESULTS,
    UNKNOWN,
)
from fsdb.expressions.parsing import nested, parsed
from fsdb.expressions.syntax import arithmetic, casts, conditions, leaves, texts, times
from fsdb.expressions.syntax.translator import Translator, TypeOf, column_name
from fsdb.expressions.tree import DEEPEST, Constant, Node, depth


def input_names(text: str, name: str) -> list[str]:
    """The names of the inputs of an expression, in the order in which they stand. Raises InvalidDefinition for what does not parse."""
    tree = parsed(text, name)
    return list(
        dict.fromkeys(column_name(column) for column in tree.find_all(exp.Column, exp.Dot, bfs=False) if _outer(column))
    )


def compiled(text: str, name: str, type_of: TypeOf) -> Node:
    """The typed tree of the expression `name`. Raises InvalidDefinition for what expressions do not do, and what `type_of` raises."""
    syntax = parsed(text, name)
    try:
        tree = Translator(name, type_of, _NODES).node(syntax)
    except RecursionError as error:  # whoever calls is deep in a stack already
        raise nested(name) from error
    if isinstance(tree, Constant) and tree.type == UNKNOWN:
        if tree.text is None:
            raise InvalidDefinition(f"Expression {name} is NULL whatever its inputs are: write an expression of them.")
        tree = Constant(tree.text, "text")
    if tree.type == IN_UTC:
        raise InvalidDefinition(
            f"Expression {name} is a time without a zone, which is ambiguous: take a part of it with extract, or its ::date."
        )
    if tree.type not in RESULTS:
        raise InvalidDefinition(f"Expression {name} is of type {tree.type}, which no feature has: cast it with ::.")
    if depth(tree) > DEEPEST:
        raise nested(name)
    check_constants(tree, name)
    return tree


def _outer(column: exp.Expression) -> bool:
    return not isinstance(column.parent, exp.Dot)


_NODES: Mapping[type, Callable[[Translator, Any], Node]] = {
    exp.Column: leaves.column,
    exp.Dot: leaves.dot,
    exp.Literal: leaves.literal,
    exp.Boolean: leaves.truth,
    exp.Null: leaves.null,
    exp.Add: arithmetic.arithmetic("add"),
    exp.Sub: arithmetic.arithmetic("subtract"),
    exp.Mul: arithmetic.arithmetic("multiply"),
    exp.Div: arithmetic.divide,
    exp.IntDiv: arithmetic.whole("div"),
    exp.Mod: arithmetic.whole("mod"),
    exp.Neg: arithmetic.negate,
    exp.Abs: arithmetic.function("abs"),
    exp.Sign: arithmetic.function("sign"),
    exp.Floor: arithmetic.function("floor"),
    exp.Ceil: arithmetic.function("ceil"),
    exp.Trunc: arithmetic.function("trunc"),
    exp.Sqrt: arithmetic.function("sqrt"),
    exp.Round: arithmetic.to_digits,
    exp.EQ: conditions.comparison("equal"),
    exp.NEQ: conditions.comparison("different"),
    exp.LT: conditions.comparison("less"),
    exp.LTE: conditions.comparison("at_most"),
    exp.GT: conditions.comparison("greater"),
    exp.GTE: conditions.comparison("at_least"),
    exp.NullSafeEQ: conditions.comparison("not_distinct"),
    exp.NullSafeNEQ: conditions.comparison("distinct"),
    exp.Is: conditions.is_,
    exp.In: conditions.in_,
    exp.Between: conditions.between,
    exp.And: conditions.logical("and"),
    exp.Or: conditions.logical("or"),
    exp.Not: conditions.not_,
    exp.Case: conditions.case,
    exp.Coalesce: conditions.listed("coalesce"),
    exp.Greatest: conditions.listed("greatest"),
    exp.Least: conditions.listed("least"),
    exp.Nullif: conditions.nullif,
    exp.Cast: casts.cast,
    exp.Collate: texts.collate,
    exp.Upper: texts.letters("upper"),
    exp.Lower: texts.letters("lower"),
    exp.Length: texts.length,
    exp.StartsWith: texts.two_texts("starts_with", "expression", "boolean"),
    exp.StrPosition: texts.two_texts("strpos", "substr", "integer"),
    exp.DPipe: texts.concat,
    exp.AtTimeZone: times.at_time_zone,
    exp.Extract: times.extract,
}
