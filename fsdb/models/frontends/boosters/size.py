"""How large an ensemble may be."""

from collections.abc import Sequence

from fsdb.errors import UnsupportedModel
from fsdb.models.steps import Tree

_MOST_NODES = 1_000_000


def check_size(model: str, trees: Sequence[Tree]) -> None:
    """UnsupportedModel for an ensemble whose function would take long to load in each new connection."""
    nodes = sum(len(tree.feature) for tree in trees)
    if nodes > _MOST_NODES:
        raise UnsupportedModel(
            f"{model} has {nodes:,} tree nodes, more than the {_MOST_NODES:,} that a function can hold: "
            "limit the number of rounds, max_depth or the number of leaves"
        )
