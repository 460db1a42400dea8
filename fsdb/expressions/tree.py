"""The typed tree of an expression: plain data. Each node has one type, and what it does is a word of fsdb.expressions.operators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_NODES = 2_000
DEEPEST = 150


@dataclass(frozen=True, slots=True)
class Input:
    """A value that a row brings: a feature by its full name, or a request column."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value as PostgreSQL reads it from text; None is NULL. Its type is "unknown" until something says which it is to have."""

    text: str | None
    type: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator over values. A cast is the operator "cast", whose result has the node's type."""

    operator: str
    arguments: tuple["Node", ...]
    type: str


@dataclass(frozen=True, slots=True)
class Case:
    """The result of the first condition that is true, else `otherwise`. What stands behind another condition is not computed."""

    conditions: tuple["Node", ...]
    results: tuple["Node", ...]
    otherwise: "Node"
    type: str


Node = Input | Constant | Call | Case


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below one."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Case):
        return (*node.conditions, *node.results, node.otherwise)
    return ()


def nodes(tree: Node) -> Iterator[Node]:
    """All nodes, a node as often as it stands in the tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def renamed(tree: Node, names: Mapping[str, str]) -> Node:
    """The tree with other names of its inputs."""
    match tree:
        case Input(name, kind):
            return Input(names[name], kind)
        case Constant():
            return tree
        case Call(operator, arguments, kind):
            return Call(operator, tuple(renamed(one, names) for one in arguments), kind)
        case Case(conditions, results, otherwise, kind):
            whens, thens = (tuple(renamed(one, names) for one in part) for part in (conditions, results))
            return Case(whens, thens, renamed(otherwise, names), kind)


def depth(tree: Node) -> int:
    """How many nodes the longest way down has."""
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for node in level for child in children(node)]
    return deepest


def inputs_of(tree: Node) -> dict[str, str]:
    """The names of the inputs with their types, in the order in which they stand."""
    return {node.name: node.type for node in nodes(tree) if isinstance(node, Input)}
