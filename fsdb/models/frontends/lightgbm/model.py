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
    the iterations (random forests). `objective` is its name and options. `codes` tells which columns are split by category.
    `categories` has for each column of categories the values of its codes, without saying which column; `seen` has for each
    column what the fit saw in it: the ends of a range as [0:2], or all values as -1:3:5.
    """

    trees: Sequence[dict[str, str]]
    outputs: int
    average: bool
    objective: Sequence[str]
    names: Sequence[str] | None
    columns: int
    codes: frozenset[int]
    categories: Sequence[Sequence[Any]]
    seen: Sequence[str]

    def used_columns(self) -> frozenset[int]:
        """The columns that any tree splits on."""
        return frozenset(int(word) for tree in self.trees for word in tree.get("split_feature", "").split())

    def may_be_codes(self, column: int, count: int) -> bool:
        """Whether what the fit saw in a column may be codes below `count`."""
        told = self.seen[column] if column < len(self.seen) else "none"
        if told == "none":
            return True
        words = told.strip("[]").split(":")
        return all(_is_code(word, count) for word in words)

    def saw_all_codes(self, column: int, count: int) -> bool:
        """Whether it saw the first and the last of the codes below `count`; of a column split by category, rare ones are not told."""
        told = self.seen[column] if column < len(self.seen) else "none"
        return column in self.codes or told == "none" or told == f"[0:{count - 1}]"


def _is_code(word: str, count: int) -> bool:
    number = float(word)
    return number.is_integer() and -1 <= number < count


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
        fields.get("feature_infos", "").split(" "),
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
