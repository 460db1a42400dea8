"""Columns of categories: from values to the codes that the trees split on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters.columns import Add, Column
from fsdb.models.steps import LookupNumber, LookupText, Tree, WholePart

_MOST_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Categories:
    """How a library treats a column of categories.

    `values` are those that the codes 0, 1, … stand for, None where the column has the codes themselves. A value that is
    none of them is missing, or refused with `refuse_unseen`. `float32` tells how codes are cut from numbers.
    """

    values: tuple[Any, ...] | None
    refuse_unseen: bool
    float32: bool


def coded(model: str, column: Column, categories: Categories, splits: Sequence[int] | None, add: Add) -> Column:
    """The column as codes, renumbered so that `splits`, the codes that any split names, come first and all others are one.

    None keeps the codes as they are, for a column that is compared with thresholds.
    """
    if categories.values is None:
        if column.is_text:
            raise UnsupportedModel(
                f"{model} was fitted on codes of the column {column.source!r}, which is bound to a text: bind a number, or "
                "fit on a data frame with a column of categories, which the model then keeps"
            )
        if splits is None:
            return column
        if not column.whole:
            column = replace(column, index=add(WholePart((column.index,), categories.float32))[0], whole=True)
        keys = tuple(map(float, splits))
        codes = tuple(map(float, range(len(keys))))
        return replace(column, index=add(LookupNumber(column.index, keys, codes, math.nan, float(len(keys))))[0])
    order = range(len(categories.values)) if splits is None else splits
    places = {code: float(place) for place, code in enumerate(order)}
    codes = tuple(places.get(code, float(len(places))) for code in range(len(categories.values)))
    unknown = None if categories.refuse_unseen else math.nan
    given = [value.item() if isinstance(value, np.generic) else value for value in categories.values]
    _check(model, column, given)
    step: LookupText | LookupNumber
    if column.is_text:
        step = LookupText(column.index, tuple(given), codes, math.nan, unknown)
    else:
        step = LookupNumber(column.index, tuple(map(float, given)), codes, math.nan, unknown)
    return Column(add(step)[0], column.source, whole=True)


def renumbered(model: str, trees: Sequence[Tree], columns: int) -> tuple[tuple[Tree, ...], dict[int, list[int]]]:
    """The trees with the codes of their splits renumbered, and for each column with such splits the codes in their new order."""
    named: dict[int, set[int]] = {}
    sets: dict[int, set[tuple[int, ...]]] = {}
    for tree in trees:
        for feature, codes in zip(tree.feature, tree.left_codes, strict=bool(tree.left_codes)):
            if codes:
                named.setdefault(feature, set()).update(codes)
                sets.setdefault(feature, set()).add(codes)
    cells = sum((len(named[feature]) + 2) * len(sets[feature]) for feature in named)
    if cells > _MOST_CELLS:
        raise UnsupportedModel(
            f"{model} splits {len(named)} of its {columns} columns on so many categories in so many ways ({cells:,} cells, where "
            f"{_MOST_CELLS:,} are supported) that its function would be too large: group rare categories before the fit"
        )
    order = {feature: sorted(codes) for feature, codes in named.items()}
    places = {feature: {code: place for place, code in enumerate(codes)} for feature, codes in order.items()}
    result = tuple(
        replace(
            tree,
            left_codes=tuple(
                tuple(places[feature][code] for code in codes) if codes else ()
                for feature, codes in zip(tree.feature, tree.left_codes, strict=True)
            ),
        )
        if tree.left_codes
        else tree
        for tree in trees
    )
    return result, order


def _check(model: str, column: Column, values: Sequence[Any]) -> None:
    kind = "text" if column.is_text else "number"
    for value in values:
        fits = isinstance(value, str) if column.is_text else isinstance(value, bool | int | float)
        if not fits or (isinstance(value, int | float) and float(value) != value):
            raise UnsupportedModel(
                f"{model} has the category {value!r} of type {type(value).__name__} for the {kind} input "
                f"{column.source!r}: bind an input of the categories' type"
            )
