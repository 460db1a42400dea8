"""The content hash: SHA-256 of what a training set holds, whatever memory layout it comes in.

Per column: one byte a row telling NULL (0) from a value (1), then the values with NULL as zero bytes, little-endian.
Texts, bytes and lists are their lengths as 64-bit numbers, then what they hold; every NaN is the same NaN. The hash of the set
is that of its columns' names, PostgreSQL types and hashes, in order.
"""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fsdb.asof import Column

_INTEGERS = {1: np.dtype("<i1"), 2: np.dtype("<i2"), 4: np.dtype("<i4"), 8: np.dtype("<i8")}


def column_hash(column: pa.ChunkedArray) -> str:
    """The hash of a column's values, in hexadecimal."""
    digest = hashlib.sha256()
    for part in _parts(pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)):
        digest.update(part)
    return digest.hexdigest()


def content_hash(columns: Sequence[Column], hashes: Sequence[str]) -> str:
    """The hash of columns with these hashes, in hexadecimal."""
    digest = hashlib.sha256()
    for column, values in zip(columns, hashes, strict=True):
        for text in (column.name, column.type, values):
            encoded = text.encode()
            digest.update(struct.pack("<q", len(encoded)) + encoded)
    return digest.hexdigest()


def _parts(array: pa.Array) -> list[bytes]:
    present = np.ascontiguousarray(pc.is_valid(array).to_numpy(zero_copy_only=False)).astype(np.uint8).tobytes()
    kind = array.type
    if pa.types.is_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy().astype("<i8")
        return [present, lengths.tobytes(), "".join(pc.fill_null(array, "").to_pylist()).encode()]
    if pa.types.is_binary(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy().astype("<i8")
        return [present, lengths.tobytes(), b"".join(pc.fill_null(array, b"").to_pylist())]
    if pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype("<i8")
        return [present, lengths.tobytes(), *_parts(array.flatten())]
    if pa.types.is_decimal(kind):
        return [present, *_parts(array.cast(pa.string()))]
    if pa.types.is_floating(kind):
        floats = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(f"<f{kind.byte_width}")
        return [present, np.where(np.isnan(floats), np.array(np.nan, floats.dtype), floats).tobytes()]
    if pa.types.is_boolean(kind):
        return [present, pc.fill_null(array, False).to_numpy(zero_copy_only=False).astype(np.uint8).tobytes()]
    width = kind.bit_width // 8
    numbers = pc.fill_null(array.cast(pa.int32() if width == 4 else pa.int64()) if width > 2 else array, 0)
    return [present, numbers.to_numpy().astype(_INTEGERS[width]).tobytes()]
