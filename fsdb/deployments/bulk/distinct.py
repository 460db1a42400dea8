"""The distinct keys of many rows, each of which is then asked for once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Distinct:
    """Different rows of some columns, and for each given row which of them it is."""

    columns: tuple[pa.Array, ...]
    places: NDArray[np.int64]


def distinct(columns: Sequence[pa.Array]) -> Distinct:
    """The distinct rows of the columns, of which there is at least one; NULLs are alike."""
    combined: NDArray[np.int64] = np.zeros(len(columns[0]), np.int64)
    values: list[pa.Array] = []
    for column in columns:
        encoded = column.dictionary_encode(null_encoding="encode")
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        size = max(1, len(encoded.dictionary))
        # Both factors are at most the number of rows, so that their product fits.
        pairs = pa.array(combined * size + codes).dictionary_encode()
        former, latter = np.divmod(pairs.dictionary.to_numpy(), size)
        values = [value.take(pa.array(former)) for value in values]
        values.append(encoded.dictionary.take(pa.array(latter)))
        combined = pairs.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return Distinct(tuple(values), combined)
