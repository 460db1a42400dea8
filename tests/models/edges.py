"""Numbers on which float32, float64 and PostgreSQL are easily at odds."""

import math
from typing import Any

import numpy as np

EDGES: tuple[float | None, ...] = (
    None,
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    7.006492321624085e-46,
    7.006492321624087e-46,
    1.401298464324817e-45,
    -1e-46,
    1e-300,
    16777217.0,
    -1e30,
    3.4028234663852886e38,
    3.4028235677973362e38,
    3.4028235677973366e38,
    -3.5e38,
    1e300,
    -1.7976931348623157e308,
    1.7976931348623157e308,
)


def edge_rows(names: list[str], seed: int, count: int = 60) -> list[dict[str, Any]]:
    """Each edge in each column among ordinary numbers, and rows of nothing but edges."""
    rng = np.random.default_rng(seed)

    def ordinary() -> dict[str, Any]:
        return dict(zip(names, rng.normal(size=len(names)).tolist(), strict=True))

    rows = [{**ordinary(), name: edge} for name in names for edge in EDGES]
    rows += [{name: EDGES[rng.integers(len(EDGES))] for name in names} for _ in range(count)]
    return rows + [ordinary() for _ in range(count)]
