"""SimpleImputer and MissingIndicator."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Slot, Translation, is_nan
from fsdb.models.steps import ImputeNumber, ImputeText, Missing

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


def simple_imputer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Columns without any observed value are dropped, as natively; missing-value indicators come last."""
    checked = _checked(estimator, slots, translation)
    outputs = []
    for slot, fill in zip(checked, _fills(estimator), strict=True):
        if fill is None:
            continue
        if isinstance(fill, str) != (slot.kind == "text"):
            translation.refuse(estimator, f"fills the {slot.kind} input {slot.source!r} with {fill!r}")
        if not slot.missing:
            outputs.append(slot)
            continue
        step = ImputeText((slot.index,), (fill,)) if isinstance(fill, str) else ImputeNumber((slot.index,), (fill,))
        [index] = translation.add(step)
        small = isinstance(fill, str) or abs(fill) <= _LARGEST_FLOAT32
        outputs.append(
            replace(
                slot,
                index=index,
                missing=False,
                finite=slot.finite and small,
                finite32=slot.finite32 and small,
                imputed=True,
            )
        )
    if estimator.add_indicator:
        outputs += _indicators(estimator.indicator_, checked, translation)
    return outputs


def missing_indicator(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """1 for each missing value; with `error_on_new` one in a column that had none when it was fitted is refused."""
    checked = _checked(estimator, slots, translation)
    marked = {int(position) for position in estimator.features_}
    if estimator.features == "missing-only" and estimator.error_on_new:
        others = [slot for position, slot in enumerate(checked) if position not in marked]
        if any(slot.kind == "text" and slot.missing for slot in others):
            translation.refuse(estimator, "has error_on_new for a text input that was never missing: leave it out")
        translation.bounded(estimator, [slot for slot in others if slot.kind == "number"], missing=False)
    return _indicators(estimator, checked, translation)


def _indicators(estimator: Any, checked: Sequence[Slot], translation: Translation) -> list[Slot]:
    marked = [checked[position] for position in estimator.features_]
    indices = translation.add(Missing(tuple(slot.index for slot in marked)))
    return [
        Slot(index, "number", slot.source, missing=False, finite=True, finite32=True)
        for index, slot in zip(indices, marked, strict=True)
    ]


def _checked(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The columns as the estimator accepts them: what it takes for missing must be what SQL's NULL stands for."""
    marks_none = estimator.missing_values is None
    if not (marks_none or is_nan(estimator.missing_values)):
        translation.refuse(
            estimator, f"takes {estimator.missing_values!r} for a missing value, where only NaN and None are known"
        )
    checked = []
    for slot in slots:
        if slot.kind == "number":
            if marks_none:
                translation.refuse(estimator, f"has missing_values=None for the number input {slot.source!r}")
            checked += translation.bounded(estimator, [slot], missing=True)
        else:
            (translation.none_inputs if marks_none else translation.nan_inputs).add(slot.source)
            checked.append(slot)
    return checked


def _fills(estimator: Any) -> list[float | str | None]:
    """The fill of each column as transform applies it: cast to the type seen in fit; None where the column is dropped."""
    fills: list[float | str | None] = []
    for statistic in estimator.statistics_:
        if is_nan(statistic) and not estimator.keep_empty_features:
            fills.append(None)
            continue
        cast = np.asarray([statistic], dtype=object).astype(estimator._fill_dtype)[0]
        fills.append(cast if isinstance(cast, str) else float(cast))
    return fills
