"""QuantileTransformer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.steps import NormalQuantile, Piecewise

_MARGIN = 1e-7  # scikit-learn takes what is that near to the first or last quantile for it, for a normal output
_SPACING = float(np.spacing(1))

Numbers = NDArray[np.float64]


def quantile_transformer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The share of values below, between the quantiles of the fit linearly; then the normal quantile of the share."""
    checked = translation.bounded(estimator, slots, missing=True)
    if any(slot.sparse for slot in checked):
        translation.refuse(estimator, "treats the zeros of a sparse matrix in its own way: give it a dense one")
    normal = estimator.output_distribution == "normal"
    outputs = []
    for position, slot in enumerate(checked):
        quantiles = np.asarray(estimator.quantiles_[:, position], dtype=np.float64)
        references = np.asarray(estimator.references_, dtype=np.float64)
        [index] = translation.add(_shares(slot.index, quantiles, references, normal))
        if normal:
            low, high = stats.norm.ppf([_MARGIN - _SPACING, 1 - (_MARGIN - _SPACING)])
            [index] = translation.add(NormalQuantile(index, float(low), float(high)))
        outputs.append(Slot(index, "number", slot.source, missing=slot.missing, finite=True, finite32=True))
    return outputs


def _shares(column: int, quantiles: Numbers, references: Numbers, normal: bool) -> Piecewise:
    """Repeated quantiles make steps: at one the middle, before it the first reference, after it the last."""
    knots = np.unique(quantiles)
    if normal:
        first, last = _inside(quantiles[0], -1), _inside(quantiles[-1], 1)
        if first > last:
            return Piecewise(column, (first,), (1.0,), (), (), below=0.0, above=1.0)
        knots = np.unique([first, *knots[(knots > first) & (knots < last)], last])
    upper = np.interp(knots, quantiles, references)
    lower = -np.interp(-knots, -quantiles[::-1], -references[::-1])
    at = 0.5 * (upper + lower)
    if not normal:
        at[-1] = 1.0
        at[0] = 0.0
    slopes = (lower[1:] - upper[:-1]) / np.diff(knots)
    return Piecewise(column, floats(knots), floats(at), floats(upper[:-1]), floats(slopes), below=0.0, above=1.0)


def _inside(bound: float, side: int) -> float:
    """The outermost number that is not taken for the first (side -1) or last (side 1) quantile."""
    near = bound - side * _MARGIN

    def taken(value: float) -> bool:
        return bool(value - _MARGIN < bound) if side < 0 else bool(value + _MARGIN > bound)

    while taken(near):
        near = float(np.nextafter(near, -side * np.inf))
    while not taken(float(np.nextafter(near, side * np.inf))):
        near = float(np.nextafter(near, side * np.inf))
    return float(near)
