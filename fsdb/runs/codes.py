"""Keys as numbers of 64 bits, so that the keys of files are found among a spine's without a comparison of texts.

One column of numbers is its own code. Texts and several columns are hashed: equal keys have equal codes, and different ones almost
never do, so who goes by codes compares the keys as well. The hash depends on a random seed, so no data can be made whose codes agree.
"""

import secrets
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
_LUMP = 1 << 18  # rows that are hashed at a time
_WORD = 8
_STORED = {pa.date32(): pa.int32(), pa.bool_(): pa.uint8()}  # as what Arrow hands a type to numpy


class Coding:
    """What makes codes of keys of as many columns. exact: different keys never have the same code."""

    def __init__(self, kinds: Sequence[pa.DataType]) -> None:
        self.exact = len(kinds) == 1 and not is_text(kinds[0])
        self._seeds = [_random() for _ in kinds]
        self._words = _random(), _random()

    def of(self, keys: Sequence[pa.Array]) -> Codes:
        """A code for each row of the columns, which hold no NULL."""
        if self.exact:
            return numbers(keys[0]).view(np.uint64)
        codes = np.zeros(len(keys[0]), np.uint64)
        for begin in range(0, len(codes), _LUMP):
            for column, seed in zip(keys, self._seeds, strict=True):
                some = column.slice(begin, _LUMP)
                plain = self._hashed(some) if is_text(some.type) else numbers(some).view(np.uint64)
                codes[begin : begin + _LUMP] += _mixed(plain ^ seed)
        return codes

    def _hashed(self, texts: pa.Array) -> Codes:
        """A hash of each text: the sum of its words, each mixed with a number of its own, and its length."""
        texts = texts.cast(pa.large_string())
        _, ends, data = texts.buffers()
        offsets = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        held = np.zeros(offsets[-1] - offsets[0] + _WORD, np.uint8)
        if data is not None:
            held[:-_WORD] = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
        # The eight bytes from each on.
        words = np.ndarray(len(held) - _WORD + 1, "<u8", held, strides=(1,))
        lengths = np.diff(offsets)
        counts = -(-lengths // _WORD)
        first = np.cumsum(counts) - counts
        place = np.arange(counts.sum()) - np.repeat(first, counts)
        word = words[np.repeat(offsets[:-1] - offsets[0], counts) + _WORD * place].astype(np.uint64)
        last = first[counts > 0] + counts[counts > 0] - 1
        beyond = (_WORD * counts - lengths)[counts > 0].astype(np.uint64)  # bytes of the next text
        word[last] &= np.uint64(0xFFFFFFFFFFFFFFFF) >> (beyond * np.uint64(8))
        one, other = self._words
        word ^= _mixed(_mixed(place.astype(np.uint64) ^ one) ^ other)
        sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(_mixed(word))))
        found: Codes = sums[first + counts] - sums[first] + lengths.astype(np.uint64)
        return found


def is_text(kind: pa.DataType) -> bool:
    """Whether a key of this type is a text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def numbers(column: pa.Array) -> NDArray[np.int64]:
    """A column of integers, booleans, dates or times as integers in the same order."""
    stored = pa.int64() if pa.types.is_timestamp(column.type) else _STORED.get(column.type)
    plain = column if stored is None else column.cast(stored)
    found: NDArray[np.int64] = plain.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return found


def _mixed(codes: Codes) -> Codes:
    """Each number as another one, whose bits each depend on all of its own (splitmix64)."""
    codes = codes ^ (codes >> np.uint64(30))
    codes *= np.uint64(0xBF58476D1CE4E5B9)
    codes ^= codes >> np.uint64(27)
    codes *= np.uint64(0x94D049BB133111EB)
    codes ^= codes >> np.uint64(31)
    return codes


def _random() -> np.uint64:
    return np.uint64(secrets.randbits(64))
