"""Names, numbers, texts, true, false and NULL."""

from sqlglot import exp

from fsdb.expressions import literals
from fsdb.expressions.kinds import (
    UNKNOWN,
)
from fsdb.expressions.syntax.translator import Translator, column_name, shown
from fsdb.expressions.tree import Constant, Input, Node


def column(self: Translator, node: exp.Expression) -> Node:
    name = column_name(node)
    return Input(name, self.type_of(name))


def dot(self: Translator, node: exp.Expression) -> Node:
    parts = node
    while isinstance(parts, exp.Dot):
        if type(parts.expression) is not exp.Identifier:
            raise self.refused(f"has {shown(node)}", "call a function by its name alone")
        parts = parts.this
    if type(parts) is not exp.Column:
        raise self.refused(f"has {shown(node)}", "write a feature as set.feature")
    return column(self, node)


def literal(self: Translator, node: exp.Expression) -> Node:
    text = str(node.this)
    if node.args.get("is_string"):
        return Constant(text, UNKNOWN)
    try:
        return literals.number(text)
    except ValueError as error:
        raise self.refused(f"has the number {text[:40]}", str(error)) from error


def truth(_: Translator, node: exp.Expression) -> Node:
    return Constant("true" if node.this else "false", "boolean")


def null(_: Translator, __: exp.Expression) -> Node:
    return Constant(None, UNKNOWN)
