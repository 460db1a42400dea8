"""Constant parts of an expression, which PostgreSQL computes when it plans a statement: one that fails would fail each row."""

from fsdb.errors import InvalidDefinition
from fsdb.expressions.evaluation import compute
from fsdb.expressions.tree import Constant, Input, Node, children
from fsdb.expressions.values import OutOfRange


def check_constants(tree: Node, name: str) -> None:
    """Raises InvalidDefinition where a part without inputs has no value."""
    constant = _parts(tree)
    try:
        for part in constant:
            compute(part, {}, 1)
    except OutOfRange as error:
        raise InvalidDefinition(f"Expression {name} has a constant part that {error}: correct its numbers.") from error


def _parts(tree: Node) -> list[Node]:
    """The largest parts without inputs."""
    found: list[Node] = []

    def fixed(node: Node) -> bool:
        if isinstance(node, Input | Constant):
            return isinstance(node, Constant)
        below = [(child, fixed(child)) for child in children(node)]
        if all(constant for _, constant in below):
            return True
        found.extend(child for child, constant in below if constant and not isinstance(child, Constant))
        return False

    if fixed(tree):
        found.append(tree)
    return found
