"""Rows to fit on and rows to score: ordinary ones, missing ones, and large ones."""

from typing import Any

import numpy as np

NAMES = ("a", "b", "c")
SEED = 4801


def data(missing: float = 0.0, count: int = 240) -> tuple[Any, Any]:
    """Columns as float32 with a share of NaN, and a number that depends on each of them.

    10 is added lest predictions be the rounding of terms that cancel each other.
    """
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(count, len(NAMES))).astype(np.float32)
    X[rng.random(X.shape) < missing] = np.nan
    filled = np.nan_to_num(X, nan=0.5)
    return X, 10 + filled[:, 0] * 2 + filled[:, 1] ** 2 - filled[:, 2] * filled[:, 0]


def as_rows(X: Any) -> list[dict[str, Any]]:
    """The rows of a matrix as they are inserted; NaN as NULL."""
    return [
        {name: None if np.isnan(value) else value for name, value in zip(NAMES, row, strict=True)}
        for row in np.asarray(X, dtype=np.float64).tolist()
    ]


def as_matrix(rows: list[dict[str, Any]]) -> Any:
    """Rows as a library is given them, in float32; NULL as NaN."""
    return np.array([[np.nan if row[name] is None else row[name] for name in NAMES] for row in rows], dtype=np.float32)


def odd_rows(largest: float = 1e30) -> list[dict[str, Any]]:
    """In each column what is missing, zero, tiny or large, and rows of nothing else."""
    usual = {"a": 0.25, "b": -0.125, "c": 1.5}
    values = (None, 0.0, -0.0, 1e-40, 7.0, -40.0, 1e6, -largest, largest)
    return [{**usual, name: value} for name in NAMES for value in values] + [
        dict.fromkeys(NAMES, value) for value in values
    ]
