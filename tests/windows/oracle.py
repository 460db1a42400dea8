"""Windows by brute force in plain Python: events are looked through one by one, sums are fractions."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

BIGINT = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Event:
    """An event as the oracle knows it. id: breaks ties of time."""

    key: Any
    time: int
    id: int
    value: Any
    counted: bool = True


def rounded(number: Fraction) -> float:
    """The double nearest to a number."""
    try:
        return number.numerator / number.denominator + 0.0
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def window(events: Sequence[Event], key: Any, moment: int, width: int, offset: int = 0) -> dict[str, Any]:
    """All aggregates over the events of a key in (moment - offset - width, moment - offset]."""
    held = sorted(
        (e for e in events if e.key == key and moment - offset - width < e.time <= moment - offset),
        key=lambda e: (e.time, e.id),
    )
    values = [e.value for e in held if e.counted and e.value is not None]
    if not values:
        return {"count": 0} | dict.fromkeys(("sum", "mean", "min", "max", "stddev", "first", "last"))
    whole = all(isinstance(v, int) for v in values)
    nan, above, below = sum(map(math.isnan, values)), values.count(math.inf), values.count(-math.inf)
    exact = [Fraction(v) for v in values if math.isfinite(v)]
    total, n = sum(exact, Fraction()), len(values)
    if nan or (above and below):
        added = math.nan
    elif above or below:
        added = math.inf if above else -math.inf
    else:
        added = rounded(total)
    spread: float | None = None
    if n > 1:
        difference = rounded(n * sum((v * v for v in exact), Fraction()) - total * total)
        spread = math.nan if nan or above or below else math.sqrt(difference / (float(n) * float(n - 1)))
    real = [v for v in values if not math.isnan(v)]
    return {
        "count": n,
        "sum": int(total) if whole else added,
        "mean": added / n + 0.0,
        "min": min(real) + 0 if real else math.nan,
        "max": math.nan if nan else max(values) + 0,
        "stddev": spread,
        "first": values[0],
        "last": values[-1],
    }


def bits(value: Any) -> Any:
    """A value so that equal ones are equal to the bit; every NaN is the same."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack(">d", value)
    return value
