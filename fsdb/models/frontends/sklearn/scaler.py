"""StandardScaler."""

from collections.abc import Sequence
from typing import Any

from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.steps import Multiply, Scale

_LARGEST_SHIFT = 2.0**960  # x - shift of a float64 x cannot overflow below it


def standard_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """(x - mean) / scale, each left out where the scaler was told so; a sparse matrix is multiplied by 1 / scale."""
    checked = translation.bounded(estimator, slots, missing=True)
    columns = tuple(slot.index for slot in checked)
    shifts = floats(estimator.mean_) if estimator.with_mean else (0.0,) * len(checked)
    divisors = floats(estimator.scale_) if estimator.with_std else (1.0,) * len(checked)
    if any(abs(shift) > _LARGEST_SHIFT for shift in shifts):
        translation.refuse(estimator, "was fitted on values near the end of float64's range")
    if any(slot.sparse for slot in checked):
        indices = translation.add(Multiply(columns, tuple(1 / divisor for divisor in divisors)))
    else:
        indices = translation.add(Scale(columns, shifts, divisors))
    return [
        Slot(index, "number", slot.source, missing=slot.missing, sparse=slot.sparse)
        for index, slot in zip(indices, checked, strict=True)
    ]
