"""Texts."""

from collections.abc import Callable

from sqlglot import exp

from fsdb.expressions.syntax.translator import Translator, bytewise
from fsdb.expressions.tree import Call, Node


def collate(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expression")
    collation = node.expression
    if not isinstance(collation, exp.Identifier) or collation.name != "C" or not collation.args.get("quoted"):
        raise self.refused("orders by a collation of its own", 'write COLLATE "C", the one that every engine has')
    return Call("bytewise", (self.text(node.this, "COLLATE"),), "text")


def letters(operator: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this")
        value = self.text(node.this, operator)
        if not bytewise(value):
            raise self.refused(
                f"calls {operator} of letters, of which each database knows others",
                f'write {operator}(x COLLATE "C"), which changes ASCII\'s alone',
            )
        return Call(operator, (value,), "text")

    return translate


def length(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this")
    return Call("length", (self.text(node.this, "length"),), "integer")


def two_texts(operator: str, second: str, kind: str) -> Callable[[Translator, exp.Expression], Node]:
    def translate(self: Translator, node: exp.Expression) -> Node:
        self.only(node, "this", second)
        return Call(operator, (self.text(node.this, operator), self.text(node.args[second], operator)), kind)

    return translate


def concat(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "expression", "safe")
    return Call("concat", (self.text(node.this, "||"), self.text(node.expression, "||")), "text")
