"""What all parts of the translation share: types that fit, and refusals with the way to write it."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from fsdb.errors import InvalidDefinition
from fsdb.expressions import literals
from fsdb.expressions.kinds import (
    IN_UTC,
    MOMENT,
    NUMBERS,
    UNKNOWN,
    chosen,
    common,
)
from fsdb.expressions.tree import MOST_NODES, Call, Constant, Node

TypeOf = Callable[[str], str]  # of an input by its name; raises UnknownName
_SHOWN = 60
COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
)


def shown(syntax: Any) -> str:
    """A part of an expression for a message."""
    try:
        text = syntax.sql("postgres") if isinstance(syntax, exp.Expression) else str(syntax)
    except RecursionError:
        text = "a long part"
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def column_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Dot):
        return f"{column_name(node.this)}.{_identifier(node.expression)}"
    return ".".join(_identifier(node.args[part]) for part in ("catalog", "db", "table", "this") if node.args.get(part))


def _identifier(node: Any) -> str:
    name = str(node.name)
    return name if isinstance(node, exp.Identifier) and node.args.get("quoted") else name.lower()


def bytewise(*values: Node) -> bool:
    """Whether one of them says the order in which texts compare."""
    return any(isinstance(value, Call) and value.operator == "bytewise" for value in values)


class Translator:
    """Translates one expression: `known` says how, by the classes of its nodes."""

    def __init__(self, name: str, type_of: TypeOf, known: "Mapping[type, Callable[[Translator, Any], Node]]") -> None:
        self.name = name
        self.type_of = type_of
        self.known = known
        self.count = 0

    def node(self, given: Any) -> Node:
        while isinstance(given, exp.Paren):
            given = given.this
        self.count += 1
        if self.count > MOST_NODES:
            raise self.refused("is too large", f"divide it into several expressions of less than {MOST_NODES:,} steps")
        # By the very class: sqlglot's subclasses mean something else.
        translate = self.known.get(type(given))
        if translate is None:
            raise self.refused(
                f"has {shown(given)}, which expressions do not know",
                "use arithmetic, comparisons, AND, OR, NOT, CASE, casts with :: and the functions that the documentation lists",
            )
        return translate(self, given)

    def refused(self, what: str, instead: str) -> InvalidDefinition:
        return InvalidDefinition(f"Expression {self.name} {what}: {instead}.")

    def only(self, node: exp.Expression, *names: str) -> None:
        """Raises InvalidDefinition where a node has more parts than these."""
        for name, value in node.args.items():
            if name not in names and value not in (None, [], False):
                raise self.refused(
                    f"has {shown(node)} in a form that expressions do not know", "write it in its plain form"
                )

    def typed(self, node: Node, kind: str) -> Node:
        """The node in a type into which PostgreSQL takes it by itself."""
        if node.type == kind:
            return node
        if isinstance(node, Constant) and node.type == UNKNOWN:
            return self.constant(node.text, kind)
        if isinstance(node, Constant) and _wider(node.type, kind):
            return self.constant(node.text, kind)
        return Call("cast", (node,), kind)

    def constant(self, text: str | None, kind: str) -> Constant:
        try:
            return literals.constant(text, kind)
        except ValueError as error:
            raise self.refused(f"has the text {str(text)[:40]!r} as {kind}", str(error)) from error

    def number(self, node: Node, what: str) -> Node:
        if isinstance(node, Constant) and node.type == UNKNOWN:
            raise self.refused(f"has {node.text!r} in {what}", "give a number, or cast it with ::")
        if node.type not in NUMBERS:
            raise self.refused(f"has a {node.type} in {what}", "give a number")
        return node

    def boolean(self, given: Any, what: str) -> Node:
        node = self.node(given)
        if isinstance(node, Constant) and node.type == UNKNOWN:
            return self.constant(node.text, "boolean")
        if node.type != "boolean":
            raise self.refused(f"has a {node.type} in {what}", "write a condition, such as x > 0")
        return node

    def text(self, given: Any, what: str) -> Node:
        node = self.node(given)
        if node.type == UNKNOWN:
            return self.typed(node, "text")
        if node.type != "text":
            raise self.refused(f"has a {node.type} in {what}", "give a text, or cast an integer with ::text")
        return node

    def pair(self, left: Node, right: Node, what: str) -> tuple[Node, Node]:
        """Two values in the type in which PostgreSQL compares them."""
        kinds = {left.type, right.type} - {UNKNOWN}
        if not kinds:
            return self.typed(left, "text"), self.typed(right, "text")
        if len(kinds) == 1:
            kind = kinds.pop()
        elif kinds <= set(NUMBERS):
            kind = common(left.type, right.type)
        elif kinds == {"date", MOMENT}:
            raise self.refused(
                f"compares a date with a moment in {what}",
                "write (x AT TIME ZONE 'UTC')::date: when a day begins depends on the zone",
            )
        else:
            raise self.refused(f"compares {left.type} with {right.type} in {what}", "cast one of them with ::")
        if kind == IN_UTC:
            raise self.refused(f"compares times without a zone in {what}", "leave AT TIME ZONE out")
        return self.typed(left, kind), self.typed(right, kind)

    def many(self, given: list[Any], what: str) -> list[Node]:
        """Values in the one type that CASE and the like give."""
        found = [self.node(one) for one in given]
        try:
            kind = chosen([node.type for node in found], what)
        except InvalidDefinition as error:
            raise InvalidDefinition(f"Expression {self.name}: {error}") from error
        if kind == IN_UTC:
            raise self.refused(f"has times without a zone in {what}", "leave AT TIME ZONE out")
        return [self.typed(node, kind) for node in found]


def _wider(narrow: str, wide: str) -> bool:
    return narrow in NUMBERS and wide in NUMBERS and NUMBERS.index(narrow) < NUMBERS.index(wide)
