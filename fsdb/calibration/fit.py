"""From measured times to what each unit costs.

A model is a sum of amounts times unit costs. Costs are sought by their logarithms, so they stay positive, and errors
count as ratios: a router that is off by a factor of two is as wrong about milliseconds as about minutes. A prior at the built-in
constants settles what the samples do not tell. Gauss-Newton steps, damped as Levenberg and Marquardt do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PRIOR = 0.05  # how much a cost that is off its constant by a factor of e counts, against a sample that is off as much
_STEPS = 200
_RATIO = 30.0  # no cost is sought farther from its constant than this factor: there the measurement is at fault


@dataclass(frozen=True)
class Sample:
    """What was counted in a run by unit, and the seconds that it took."""

    amounts: Mapping[str, float]
    seconds: float


def fitted(constants: Mapping[str, float], samples: Sequence[Sample]) -> dict[str, float]:
    """Seconds of each unit that explain the samples best; those of units that no sample has stay as they are."""
    if not samples:
        return dict(constants)
    units = list(constants)
    start = np.array([constants[unit] for unit in units])
    parts = np.array([[sample.amounts.get(unit, 0.0) for unit in units] for sample in samples]) * start
    taken = np.log([sample.seconds for sample in samples])
    logs = np.zeros(len(units))
    damping = 1.0
    error = _error(parts, taken, logs)
    for _ in range(_STEPS):
        shares = parts * np.exp(logs)
        slope = shares / shares.sum(axis=1, keepdims=True)
        missing = np.log(shares.sum(axis=1)) - taken
        curvature = slope.T @ slope + PRIOR * np.eye(len(units))
        step = np.linalg.solve(curvature + damping * np.eye(len(units)), -(slope.T @ missing + PRIOR * logs))
        tried = np.clip(logs + step, -np.log(_RATIO), np.log(_RATIO))
        better = _error(parts, taken, tried)
        if better < error:
            logs, error, damping = tried, better, damping / 3
        else:
            damping *= 3
    return {unit: float(seconds) for unit, seconds in zip(units, start * np.exp(logs), strict=True)}


def _error(parts: np.ndarray, taken: np.ndarray, logs: np.ndarray) -> float:
    missing = np.log((parts * np.exp(logs)).sum(axis=1)) - taken
    return float(missing @ missing + PRIOR * logs @ logs)
