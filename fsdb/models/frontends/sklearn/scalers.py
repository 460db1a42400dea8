"""Scalers, Normalizer, Binarizer."""

from collections.abc import Sequence
from typing import Any

from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.steps import Above, Clip, Multiply, Normalize, Scale

_LARGEST_SHIFT = 2.0**960  # x - shift of a float64 x cannot overflow below it
_SMALLEST_NORM = 2.220446049250313e-15  # ten times float64's epsilon: scikit-learn takes smaller norms for 0
_SMALLEST = 5e-324


def standard_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """(x - mean) / scale, each left out where the scaler was told so; a sparse matrix is multiplied by 1 / scale."""
    shifts = estimator.mean_ if estimator.with_mean else [0.0] * len(slots)
    divisors = estimator.scale_ if estimator.with_std else [1.0] * len(slots)
    return _scaled(estimator, slots, shifts, divisors, translation)


def robust_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """(x - median) / range of quantiles, in the same way."""
    shifts = estimator.center_ if estimator.with_centering else [0.0] * len(slots)
    divisors = estimator.scale_ if estimator.with_scaling else [1.0] * len(slots)
    return _scaled(estimator, slots, shifts, divisors, translation)


def max_abs_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """x / scale; with `clip` held within -1 and 1."""
    scaled = _scaled(estimator, slots, [0.0] * len(slots), estimator.scale_, translation)
    return _clipped(scaled, -1.0, 1.0, translation) if getattr(estimator, "clip", False) else scaled


def min_max_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """x * scale + min; with `clip` held within the range."""
    checked = translation.bounded(estimator, slots, missing=True)
    factors = translation.add(Multiply(tuple(slot.index for slot in checked), floats(estimator.scale_)))
    shifts = _shifts(estimator, -estimator.min_, translation)
    indices = translation.add(Scale(tuple(factors), shifts, (1.0,) * len(checked)))
    scaled = _numbers(checked, indices)
    low, high = floats(estimator.feature_range)
    return _clipped(scaled, low, high, translation) if estimator.clip else scaled


def normalizer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """Rows of norm 1; a row of zeros stays one."""
    checked = translation.bounded(estimator, slots, missing=False)
    smallest = _SMALLEST if any(slot.sparse for slot in checked) else _SMALLEST_NORM
    return _numbers(checked, translation.add(Normalize(tuple(s.index for s in checked), estimator.norm, smallest)))


def binarizer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """1 above the threshold."""
    checked = translation.bounded(estimator, slots, missing=False)
    thresholds = (float(estimator.threshold),) * len(checked)
    indices = translation.add(Above(tuple(slot.index for slot in checked), thresholds))
    return [
        Slot(index, "number", slot.source, missing=False, finite=True, finite32=True, sparse=slot.sparse)
        for index, slot in zip(indices, checked, strict=True)
    ]


def _scaled(estimator: Any, slots: Sequence[Slot], shifts: Any, divisors: Any, translation: Translation) -> list[Slot]:
    checked = translation.bounded(estimator, slots, missing=True)
    columns = tuple(slot.index for slot in checked)
    kept = _shifts(estimator, shifts, translation)
    if any(slot.sparse for slot in checked):
        return _numbers(checked, translation.add(Multiply(columns, tuple(1 / divisor for divisor in floats(divisors)))))
    return _numbers(checked, translation.add(Scale(columns, kept, floats(divisors))))


def _shifts(estimator: Any, shifts: Any, translation: Translation) -> tuple[float, ...]:
    kept = floats(shifts)
    if any(abs(shift) > _LARGEST_SHIFT for shift in kept):
        translation.refuse(estimator, "was fitted on values near the end of float64's range")
    return kept


def _clipped(slots: list[Slot], low: float, high: float, translation: Translation) -> list[Slot]:
    count = len(slots)
    return _numbers(slots, translation.add(Clip(tuple(s.index for s in slots), (low,) * count, (high,) * count)))


def _numbers(slots: Sequence[Slot], indices: range) -> list[Slot]:
    return [
        Slot(index, "number", slot.source, missing=slot.missing, sparse=slot.sparse)
        for index, slot in zip(indices, slots, strict=True)
    ]
