"""Values and moments that break windows, of which tests draw."""

import math
import random
from collections.abc import Callable
from typing import Any

MINUTE = 60_000_000
START = 1_767_225_600_000_000  # 2026
Drawn = Callable[[random.Random], Any]

DOUBLES: dict[str, Drawn] = {
    "cents": lambda draw: round(draw.uniform(-100, 100), 2),
    "whole": lambda draw: float(draw.randrange(-5, 5)),
    "cancelling": lambda draw: draw.choice(
        [1e16, 1.0, -1e16, 0.1, 0.2, 0.3, -0.0, 0.0, 1 / 3, -1 / 3, 2.0**53, 1e-9, 123456.789]
    ),
    "special": lambda draw: (
        draw.choice([1e16, -1e16, 1.0, math.inf, -math.inf, math.nan, None, -0.0, 0.5])
        if draw.random() < 0.4
        else draw.choice([None, 2.5, -0.0])
    ),
    "far": lambda draw: draw.choice(
        [1e300, -1e300, 1e308, 1.7e308, -1.7e308, 5e-324, 1e-310, 1.0, 1e-200, -0.0, None, 3e160]
    ),
    "near": lambda draw: 1.7e9 + draw.random() * 1e-3,
    "wide": lambda draw: draw.choice([1, -1]) * draw.random() * 10.0 ** draw.randrange(-40, 40),
}
INTEGERS: dict[str, Drawn] = {
    "small": lambda draw: draw.choice([None, draw.randrange(-5, 5)]),
    "large": lambda draw: draw.choice([2**62 - 1, -(2**62), 3, -1, 2**40 + 1, -(2**33), 0]),
}


def moment(draw: random.Random, minutes: int = 200) -> int:
    """A moment on the grid of minutes, or a microsecond beside it."""
    return START + draw.randrange(-2, minutes) * MINUTE + draw.choice([0, 0, 0, 1, -1])
