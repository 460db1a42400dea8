"""OneHotEncoder, OrdinalEncoder, TargetEncoder."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Slot, Translation, is_nan
from fsdb.models.steps import Indicators, LookupNumber, LookupText

_NO_COLUMN = -1.0


def one_hot_encoder(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Each column becomes a lookup of its indicator's number, then the indicators."""
    outputs = []
    for position, slot in enumerate(slots):
        codes, unknown = _indicator_numbers(estimator, position)
        code = _lookup(estimator, translation, slot, estimator.categories_[position], codes, unknown)
        size = int(estimator._n_features_outs[position])
        outputs += [
            Slot(
                index, "number", slot.source, missing=False, finite=True, finite32=True, sparse=estimator.sparse_output
            )
            for index in translation.add(Indicators(code, size))
        ]
    return outputs


def _indicator_numbers(estimator: Any, position: int) -> tuple[list[float], float | None]:
    """The indicator that each category of a column sets, and the one that an unknown category sets (None: refused).

    The order is that of OneHotEncoder.transform: infrequent categories are grouped, then the dropped one is taken out.
    """
    codes = np.arange(len(estimator.categories_[position]))
    infrequent = None
    if estimator._infrequent_enabled and estimator._infrequent_indices[position] is not None:
        codes = np.asarray(estimator._default_to_infrequent_mappings[position])
        infrequent = codes[estimator._infrequent_indices[position][0]]
    dropped = None
    if estimator._drop_idx_after_grouping is not None:
        dropped = estimator._drop_idx_after_grouping[position]

    def number(code: Any) -> float:
        if dropped is None or code < dropped:
            return float(code)
        return _NO_COLUMN if code == dropped else float(code - 1)

    if estimator.handle_unknown == "error":
        unknown = None
    elif estimator.handle_unknown == "ignore" or infrequent is None:
        unknown = _NO_COLUMN
    else:
        unknown = number(infrequent)
    return [number(code) for code in codes], unknown


def ordinal_encoder(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Each column becomes a lookup of its code."""
    unknown = None if estimator.handle_unknown == "error" else float(estimator.unknown_value)
    outputs = []
    for position, slot in enumerate(slots):
        categories = estimator.categories_[position]
        codes = [float(code) for code in range(len(categories))]
        column_unknown = unknown
        if estimator._infrequent_enabled and estimator._infrequent_indices[position] is not None:
            mapping = estimator._default_to_infrequent_mappings[position]
            codes[: len(mapping)] = [float(code) for code in mapping]
        if position in estimator._missing_indices:
            codes[estimator._missing_indices[position]] = float(estimator.encoded_missing_value)
        index = _lookup(estimator, translation, slot, categories, codes, column_unknown)
        can_miss = any(map(is_nan, codes)) or (column_unknown is not None and is_nan(column_unknown))
        outputs.append(Slot(index, "number", slot.source, missing=can_miss, finite=True, finite32=True))
    return outputs


def target_encoder(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The mean target of each category, of several classes one mean for each; the mean of all where it is unknown."""
    means = [float(mean) for mean in np.atleast_1d(estimator.target_mean_)]
    outputs = []
    for number, encoding in enumerate(estimator.encodings_):
        position, output = divmod(number, len(means))
        slot = slots[position]
        codes = [float(code) for code in encoding]
        index = _lookup(estimator, translation, slot, estimator.categories_[position], codes, means[output])
        outputs.append(Slot(index, "number", slot.source, missing=False, finite=True))
    return outputs


def _lookup(
    estimator: Any, translation: Translation, slot: Slot, categories: Any, codes: list[float], unknown: float | None
) -> int:
    """Adds the lookup of a column; the slot that it produces."""
    missing = unknown
    keys: list[str] | list[float] = []
    values = []
    for category, code in zip(categories, codes, strict=True):
        if category is None or is_nan(category):
            if category is None:
                if slot.imputed:
                    translation.refuse(estimator, f"has None among the categories of the input {slot.source!r}")
                translation.none_inputs.add(slot.source)
            else:
                translation.nan_inputs.add(slot.source)
            missing = code
        else:
            keys.append(_key(estimator, translation, slot, category))  # type: ignore[arg-type]
            values.append(code)
    if slot.kind == "text":
        step = LookupText(slot.index, tuple(map(str, keys)), tuple(values), missing, unknown)
        return translation.add(step)[0]
    [checked] = translation.bounded(estimator, [slot], missing=True)
    return translation.add(LookupNumber(checked.index, tuple(map(float, keys)), tuple(values), missing, unknown))[0]


def _key(estimator: Any, translation: Translation, slot: Slot, category: Any) -> str | float:
    if slot.kind == "text" and isinstance(category, str):
        return str(category)
    if slot.kind == "number" and isinstance(
        category, bool | int | float | Decimal | np.bool_ | np.integer | np.floating
    ):
        plain = category.item() if isinstance(category, np.generic) else category
        if isinstance(plain, Decimal):
            return float(plain)  # as PostgreSQL reads its digits
        if float(plain) == plain:  # Python compares a large int with a float exactly
            return float(plain)
        translation.refuse(estimator, f"has the category {category!r}, which float64 cannot hold")
    return translation.refuse(
        estimator,
        f"has the category {category!r} of type {type(category).__name__} for the {slot.kind} input {slot.source!r}",
    )
