"""A tree as a JSON document, as the catalog holds it: readable there, and the same text for the same tree."""

from typing import Any

from fsdb.errors import InvalidData
from fsdb.expressions.kinds import IN_UTC, RESULTS, UNKNOWN
from fsdb.expressions.operators import LISTS, OPERATORS, UNARY
from fsdb.expressions.tree import DEEPEST, MOST_NODES, Call, Case, Constant, Input, Node


def to_document(tree: Node) -> dict[str, Any]:
    """The document of a tree, to be written as JSON."""
    match tree:
        case Input(name, kind):
            return {"input": name, "type": kind}
        case Constant(text, kind):
            return {"constant": text, "type": kind}
        case Call(operator, arguments, kind):
            return {"call": operator, "of": [to_document(one) for one in arguments], "type": kind}
        case Case(conditions, results, otherwise, kind):
            cases = [[to_document(when), to_document(then)] for when, then in zip(conditions, results, strict=True)]
            return {"case": cases, "else": to_document(otherwise), "type": kind}


def from_document(document: Any) -> Node:
    """The tree of a document. Raises InvalidData for what `to_document` does not write."""
    try:
        return _Reader().node(document, 1)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidData(
            "The catalog holds an expression that fsdb cannot read: somebody changed it by hand, or a newer fsdb wrote it. "
            f"Define the expression again ({error})."
        ) from error


class _Reader:
    def __init__(self) -> None:
        self.count = 0

    def node(self, document: Any, depth: int) -> Node:
        self.count += 1
        if self.count > MOST_NODES or depth > DEEPEST:
            raise ValueError("too large")
        kind = _text(document["type"])
        if kind not in (*RESULTS, IN_UTC, UNKNOWN):
            raise ValueError(f"no type {kind[:80]!r}")
        if "input" in document:
            return Input(_text(document["input"]), kind)
        if "constant" in document:
            given = document["constant"]
            return Constant(None if given is None else _text(given), kind)
        if "call" in document:
            operator = _text(document["call"])
            if operator not in OPERATORS:
                raise ValueError(f"no operator {operator!r}")
            arguments = tuple(self.node(one, depth + 1) for one in document["of"])
            if not _fits(operator, arguments):
                raise ValueError(f"{operator} of {len(arguments)} values")
            return Call(operator, arguments, kind)
        cases = [(self.node(when, depth + 1), self.node(then, depth + 1)) for when, then in document["case"]]
        otherwise = self.node(document["else"], depth + 1)
        return Case(tuple(when for when, _ in cases), tuple(then for _, then in cases), otherwise, kind)


def _fits(operator: str, arguments: tuple[Node, ...]) -> bool:
    """Whether an operator takes so many values, and a constant where it needs one."""
    if operator in LISTS:
        return len(arguments) >= 1 + (operator == "in")
    constant = {"extract": 0, "round": 1, "shift": 1}.get(operator)
    if constant is not None and not (len(arguments) == 2 and isinstance(arguments[constant], Constant)):
        return False
    return len(arguments) == (1 if operator in UNARY else 2)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("not a text")
    return given
