"""The least or greatest value of each window, by doubling: of 1, 2, 4, … values on, one length in memory at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdb.windows.kernel.spans import Numbers, Spans

Values = NDArray[Any]
Choice = Callable[[Values, Values], Values]


def extremes(spans: Spans, values: Values, choice: Choice) -> list[Values]:
    """For each width what `choice` (np.minimum or np.maximum) leaves of each window's values; anything where a window is empty."""
    found = [np.zeros(len(spans.ends), values.dtype) for _ in spans.begins]
    lengths = [_doublings(spans.ends - begins) for begins in spans.begins]
    most = max((int(length.max()) for length in lengths if len(length)), default=-1)
    covering = values
    for doubled in range(most + 1):
        size = 1 << doubled
        for begins, length, out in zip(spans.begins, lengths, found, strict=True):
            rows = np.flatnonzero(length == doubled)
            out[rows] = choice(covering[begins[rows]], covering[spans.ends[rows] - size])
        if doubled < most:
            covering = choice(covering[:-size], covering[size:])
    return found


def _doublings(lengths: Numbers) -> NDArray[np.int8]:
    """How often 1 can be doubled within each length; -1 for none."""
    return (np.frexp(lengths.astype(np.float64))[1] - 1).astype(np.int8)
