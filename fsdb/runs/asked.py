"""What a spine asks for: its rows in the order of their keys, and each key once."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fsdb.runs.codes import Codes, Coding, is_text, numbers

Numbers = NDArray[np.int64]
NO_KEY = -1
_ATTEMPTS = 8
_DENSE, _ALWAYS = 8, 1 << 20  # integers of so many times the keys' count, and of so few, are looked up in a table
_FEW = 100_000  # distinct values of a text column that are worth being sorted to leave row groups out


class Asked:
    """A spine's rows that have a key, in the order of their keys' codes.

    positions: of each in the spine. moments: of each, microseconds. starts: for each key its first row, and at the end the count of rows.
    """

    def __init__(self, keys: Sequence[pa.Array | pa.ChunkedArray], moments: Numbers) -> None:
        """keys: columns of integers, booleans, dates, times (as Arrow has them) or texts; rows with a NULL ask for nothing. moments: of each row."""
        columns = [_whole(key) for key in keys]
        present = np.ones(len(moments), bool)
        for column in columns:
            if column.null_count:
                present &= column.is_valid().to_numpy(zero_copy_only=False)
        positions = np.flatnonzero(present)
        if len(positions) < len(moments):
            columns = [column.take(pa.array(positions)) for column in columns]
        for _ in range(_ATTEMPTS):
            self._coding = Coding([column.type for column in columns])
            codes = self._coding.of(columns)
            order = np.argsort(codes)
            codes = codes[order]
            new = np.ones(len(codes), bool)
            new[1:] = codes[1:] != codes[:-1]
            first = np.flatnonzero(new)
            self._keys = [column.take(pa.array(order[first])) for column in columns]
            ids = np.cumsum(new) - 1
            if self._coding.exact or same(columns, order, self._keys, ids).all():
                break
        else:
            raise AssertionError("the codes of different keys agree, whatever the seed")
        self._codes: Codes = codes[first]
        self._table = None if self._coding.exact else _table(self._codes)
        self.starts: Numbers = np.append(first, len(codes))
        self._dense = self._by_number()
        self.positions: Numbers = positions[order]
        self.moments: Numbers = moments[self.positions]
        self._sorted: Numbers | None = None
        self._texts: list[bytes] | None = None

    def __len__(self) -> int:
        """How many rows have a key."""
        return len(self.positions)

    @property
    def keys(self) -> int:
        """How many different keys there are."""
        return len(self.starts) - 1

    def key(self, number: int) -> list[Any]:
        """The values of the key of this number."""
        return [column[number].as_py() for column in self._keys]

    def _by_number(self) -> tuple[int, NDArray[np.int32]] | None:
        """The keys' numbers by the keys themselves, and the least key: where these are integers that lie close together."""
        if not self._coding.exact or not self.keys or self.keys > np.iinfo(np.int32).max:
            return None
        plain = self._codes.view(np.int64)
        least, most = int(plain.min()), int(plain.max())
        if most - least > _DENSE * self.keys + _ALWAYS:
            return None
        table = np.full(most - least + 1, NO_KEY, np.int32)
        table[plain - least] = np.arange(self.keys, dtype=np.int32)
        return least, table

    def find(self, keys: Sequence[pa.Array]) -> Numbers:
        """For each row of these columns the number of its key here, NO_KEY where none of the spine's rows has it."""
        found = np.full(len(keys[0]), NO_KEY, np.int64)
        if not self.keys or not len(found):
            return found
        codes = self._coding.of(keys)
        if self._dense is not None:
            least, table = self._dense
            plain = codes.view(np.int64)
            near = (plain >= least) & (plain < least + len(table))
            found[near] = table[plain[near] - least]
            return found
        at = np.minimum(self._looked_up(codes), self.keys - 1)
        hit = np.flatnonzero(self._codes[at] == codes)
        if not self._coding.exact:
            hit = hit[same(keys, hit, self._keys, at[hit])]
        found[hit] = at[hit]
        return found

    def _looked_up(self, wanted: Codes) -> Numbers:
        """Where each wanted code is among the keys' codes, which are in order; anywhere for one that is not."""
        if self._table is None:  # wanted in the order of a run's keys, which is the codes' own
            return np.searchsorted(self._codes, wanted)
        bits, begins = self._table
        at = begins[(wanted >> np.uint64(64 - bits)).astype(np.int64)]
        going = np.arange(len(wanted))
        while len(going):
            here = np.minimum(at[going], self.keys - 1)
            going = going[(self._codes[here] < wanted[going]) & (at[going] < self.keys - 1)]
            at[going] += 1
        return at

    def between(self, least: Sequence[Any], greatest: Sequence[Any]) -> NDArray[np.bool_]:
        """For each pair of bounds of the first key whether a key of the spine may lie within. Texts are given as UTF-8, other types as integers."""
        within = np.ones(len(least), bool)
        first = self._keys[0]
        if not self.keys:
            return ~within
        if is_text(first.type):
            if self.keys > _FEW:
                return within
            if self._texts is None:
                self._texts = sorted({text.encode() for text in first.to_pylist()})
            for n, (one, other) in enumerate(zip(least, greatest, strict=True)):
                within[n] = bisect_left(self._texts, one) < bisect_right(self._texts, other)
            return within
        if self._sorted is None:
            self._sorted = np.unique(numbers(first))
        low = np.searchsorted(self._sorted, np.array(least, np.int64))
        return low < np.searchsorted(self._sorted, np.array(greatest, np.int64), "right")


def same(left: Sequence[pa.Array], of_left: Numbers, right: Sequence[pa.Array], of_right: Numbers) -> NDArray[np.bool_]:
    """Whether rows of the left columns have the keys of rows of the right ones."""
    equal = np.ones(len(of_left), bool)
    for one, other in zip(left, right, strict=True):
        if is_text(one.type):
            sides = [
                side.take(pa.array(rows)).cast(pa.large_string()) for side, rows in ((one, of_left), (other, of_right))
            ]
            equal &= pc.equal(*sides).to_numpy(zero_copy_only=False)
        else:
            equal &= numbers(one)[of_left] == numbers(other)[of_right]
    return equal


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece; texts may be more than two gigabytes."""
    if is_text(column.type):
        column = column.cast(pa.large_string())
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # of no chunk, or of one
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def _table(codes: Codes) -> tuple[int, Numbers]:
    """By their first bits, where codes in order begin; as many bits as leave about one code to each."""
    bits = max(1, len(codes).bit_length())
    return bits, np.searchsorted(codes, np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)).astype(np.int64)
