"""Thresholds of float32 comparisons as thresholds of float64 ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BEYOND_FLOAT32 = 2.0**128  # where the float32 after the largest would lie


def as_float64(thresholds: tuple[float, ...], strict: bool) -> tuple[float, ...]:
    """Thresholds that tell float64 numbers apart as the given ones do once the numbers are rounded to float32.

    Rounding is monotone, so `float32(x) <= t` holds up to the last float64 that rounds to the last float32 `f <= t`: the
    middle between f and its successor where f is even (ties go to even), otherwise the float64 before it. With `strict`,
    `float32(x) < t` holds below the first float64 that rounds to the first float32 `g >= t`. Comparing so needs no cast,
    which in PostgreSQL raises an error for numbers that are 0 in float32.
    """
    t = np.asarray(thresholds, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        near = t.astype(np.float32)
    if strict:
        first = np.where(near.astype(np.float64) < t, _next(near, np.inf), near)
        middle = _middle(_next(first, -np.inf), first)
        moved = np.where(_is_even(first), middle, np.nextafter(middle, np.inf))
    else:
        last = np.where(near.astype(np.float64) > t, _next(near, -np.inf), near)
        middle = _middle(last, _next(last, np.inf))
        moved = np.where(_is_even(last), middle, np.nextafter(middle, -np.inf))
    return tuple(np.where(np.isfinite(t), moved, t).tolist())


def _next(value: NDArray[Any], side: float) -> NDArray[Any]:
    """The neighbouring float32; of the largest, infinity."""
    with np.errstate(over="ignore", under="ignore"):
        neighbour: NDArray[Any] = np.nextafter(value, np.float32(side))
    return neighbour


def _middle(low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.float64]:
    """Half way between neighbouring float32; exact in float64."""
    low64 = np.maximum(low.astype(np.float64), -_BEYOND_FLOAT32)
    high64 = np.minimum(high.astype(np.float64), _BEYOND_FLOAT32)
    middle: NDArray[np.float64] = low64 / 2 + high64 / 2
    return middle


def _is_even(value: NDArray[Any]) -> NDArray[np.bool_]:
    even: NDArray[np.bool_] = value.view(np.uint32) % 2 == 0
    return even
