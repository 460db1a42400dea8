"""StandardScaler."""

from collections.abc import Sequence
from typing import Any

from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.steps import Scale

_LARGEST_SHIFT = 2.0**960  # x - shift of a float64 x cannot overflow below it


def standard_scaler(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """(x - mean) / scale, each left out where the scaler was told so."""
    checked = translation.bounded(estimator, slots, missing=True)
    shifts = floats(estimator.mean_) if estimator.with_mean else (0.0,) * len(checked)
    divisors = floats(estimator.scale_) if estimator.with_std else (1.0,) * len(checked)
    if any(abs(shift) > _LARGEST_SHIFT for shift in shifts):
        translation.refuse(estimator, "was fitted on values near the end of float64's range")
    indices = translation.add(Scale(tuple(slot.index for slot in checked), shifts, divisors))
    return [
        Slot(index, "number", slot.source, missing=slot.missing) for index, slot in zip(indices, checked, strict=True)
    ]
