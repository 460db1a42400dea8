"""A query's rows of arrays, in binary: thousands of numbers a row, without a text for each.

An array of PostgreSQL in binary is a header of 20 bytes, then each item's length in four bytes (-1 for NULL) and its value,
all big-endian (`array_send` in PostgreSQL's arrayfuncs.c).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Composable, Composed

from fsdb.exchange.types import arrow_type
from fsdb.sql import joined, query

FILE = "engines/postgres"
_HEADER = 20
_ITEM_HEADER = 4
_ROWS = 256  # decoded together
_NUMBERS = {
    "smallint": ">i2",
    "integer": ">i4",
    "bigint": ">i8",
    "real": ">f4",
    "double precision": ">f8",
    "boolean": ">u1",
}
TYPES = frozenset(_NUMBERS)  # of items that can be read: those of one width, all of whose values Arrow has

_Row = tuple[Any, ...]
_Values = npt.NDArray[Any]
_Mask = npt.NDArray[np.bool_]


@dataclass
class Items:
    """The items of one array of each row: `length` values of `type`, each of which becomes a column."""

    type: str
    length: int
    _parts: list[tuple[_Values, _Mask | None]] = field(default_factory=list)

    @property
    def _number(self) -> np.dtype[Any]:
        return np.dtype(_NUMBERS[self.type])

    def take(self, arrays: Sequence[bytes | None], nulls: Sequence[bytes | None]) -> None:
        """Decodes the array of some rows, with the array of the positions of its NULLs; an array may itself be NULL."""
        layout = np.dtype([("length", ">i4"), ("value", self._number)])
        full = _HEADER + self.length * layout.itemsize
        whole = [n for n, array in enumerate(arrays) if array is not None and len(array) == full]
        values = np.zeros((self.length, len(arrays)), self._number.newbyteorder("="))
        together = np.frombuffer(b"".join([arrays[n][_HEADER:] for n in whole]), layout)  # type: ignore[index]
        decoded = together["value"].reshape(len(whole), self.length).T
        if len(whole) == len(arrays):
            values[...] = decoded
            self._parts.append((values, None))
            return
        values[:, whole] = decoded
        missing = np.zeros(values.shape, np.bool_)
        for n in sorted(set(range(len(arrays))).difference(whole)):
            missing[:, n] = self._sparse(arrays[n], nulls[n], values[:, n])
        self._parts.append((values, missing))

    def columns(self) -> Iterator[pa.Array]:
        """A column for each item, of all rows."""
        kind = arrow_type(self.type)
        parts = self._parts or [(np.zeros((self.length, 0), self._number.newbyteorder("=")), None)]
        values = np.concatenate([part for part, _ in parts], axis=1)
        masks = [np.zeros(part.shape, np.bool_) if mask is None else mask for part, mask in parts]
        missing = None if all(mask is None for _, mask in parts) else np.concatenate(masks, axis=1)
        self._parts.clear()
        for n in range(self.length):
            mask = missing[n] if missing is not None and missing[n].any() else None
            if kind == pa.bool_():
                yield pa.array(values[n].astype(np.bool_), mask=mask)
                continue
            validity = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little"))
            yield pa.Array.from_buffers(kind, values.shape[1], [validity, pa.py_buffer(values[n])])

    def _sparse(self, array: bytes | None, nulls: bytes | None, into: _Values) -> _Mask:
        """Decodes an array with NULLs; returns where they are."""
        missing = np.ones(self.length, np.bool_)
        if array is None or nulls is None:
            return missing
        positions = np.frombuffer(nulls, np.dtype([("length", ">i4"), ("value", ">i4")]), offset=_HEADER)["value"]
        missing[:] = False
        missing[positions - 1] = True
        width = self._number.itemsize
        ends = _HEADER + np.cumsum(np.where(missing, _ITEM_HEADER, _ITEM_HEADER + width))
        starts = ends[~missing] - width
        raw = np.frombuffer(array, np.uint8)[starts[:, None] + np.arange(width)]
        into[~missing] = np.ascontiguousarray(raw).view(self._number)[:, 0]
        return missing


def read_arrays(
    connection: Connection[Any],
    number: Composable,
    arrays: Sequence[Composable],
    shapes: Sequence[tuple[str, int]],
    source: Composable,
) -> tuple[list[int], list[pa.Array]]:
    """The rows of `SELECT number, arrays source`: the numbers (bigint), and each item of each array as a column, in order.

    shapes: the type, one of TYPES, and the length of each array. source: everything from FROM on.
    """
    items = [Items(kind, length) for kind, length in shapes]
    numbers: list[int] = []
    with connection.transaction(force_rollback=True):
        connection.execute(query(FILE, "interpreted"))
        text = query(
            FILE,
            "copy_arrays",
            number=number,
            arrays=joined(list(arrays)),
            positions=joined([query(FILE, "null_positions", array=array) for array in arrays]),
            source=source,
        )
        for rows in _rows(connection, text):
            columns = list(zip(*rows, strict=True))
            numbers.extend(int.from_bytes(value, signed=True) for value in columns[0])
            for at, of in enumerate(items, start=1):
                of.take(columns[at], columns[len(items) + at])
    return numbers, [column for of in items for column in of.columns()]


def _rows(connection: Connection[Any], copy: Composed) -> Iterator[list[_Row]]:
    with connection.cursor().copy(copy) as stream:
        rows = stream.rows()
        while some := list(islice(rows, _ROWS)):
            yield some
