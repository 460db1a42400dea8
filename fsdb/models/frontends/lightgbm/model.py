"""What a LightGBM model says of itself: its text, read into plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm

from fsdb.errors import UnsupportedModel


@dataclass(frozen=True)
class Model:
    """A fitted booster up to its best iteration.

    `trees` are the fields of each tree as texts. `outputs` trees make an iteration. `average` tells that predictions are the mean of
    the iterations (random forests). `objective` is its name and options. `codes` tells which columns are split by category,
    `categories` has for each column the values of its codes, where the model keeps them.
    """

    trees: Sequence[dict[str, str]]
    outputs: int
    average: bool
    objective: Sequence[str]
    names: Sequence[str] | None
    columns: int
    codes: frozenset[int]
    categories: Sequence[Sequence[Any]]


def read(name: str, booster: lightgbm.Booster) -> Model:
    """The booster as its predict uses it. UnsupportedModel: linear trees."""
    header, *rest = booster.model_to_string().split("\nTree=")
    fields = _fields(header)
    trees = [_fields(text) for text in rest]
    if any(tree.get("is_linear", "0") != "0" for tree in trees):
        raise UnsupportedModel(f"{name} has linear_tree=True: fit it without, so that its leaves are numbers")
    names = fields["feature_names"].split(" ")
    anonymous = names == [f"Column_{number}" for number in range(len(names))]
    return Model(
        trees,
        int(fields["num_tree_per_iteration"]),
        "average_output" in header.split("\n"),
        fields.get("objective", "custom").split(" "),
        None if anonymous else booster.feature_name(),
        len(names),
        _codes(rest[-1] if rest else header),
        [tuple(values) for values in booster.pandas_categorical or ()],
    )


def _fields(text: str) -> dict[str, str]:
    """The lines `name=value` up to an empty line (which in the header stands at the end)."""
    lines = text.strip("\n").split("\n")
    pairs = (line.partition("=") for line in lines[: lines.index("") if "" in lines else None])
    return {key: value for key, found, value in pairs if found}


def _codes(text: str) -> frozenset[int]:
    """The columns that were categorical in the fit, from its parameters."""
    for line in text.split("\n"):
        if line.startswith("[categorical_feature: "):
            listed = line.removeprefix("[categorical_feature: ").removesuffix("]")
            return frozenset(int(column) for column in listed.split(",") if column.strip().isdigit())
    return frozenset()
