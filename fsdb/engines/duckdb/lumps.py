"""Arrow's pieces in fewer, larger ones: each piece costs a statement or a match of its own, however few its rows are."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pyarrow as pa

T = TypeVar("T", pa.RecordBatch, pa.Table)


def lumps(pieces: Iterable[T], size: int, joined: Callable[[list[T]], T]) -> Iterator[T]:
    """The same rows in the same order, in pieces of more than `size` bytes but for the last; `joined` makes one of several."""
    held: list[T] = []
    bytes_held = 0
    for piece in pieces:
        held.append(piece)
        bytes_held += piece.nbytes
        if bytes_held > size:
            yield joined(held)
            held, bytes_held = [], 0
    if held:
        yield joined(held)
