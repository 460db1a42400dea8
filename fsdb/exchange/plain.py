"""Arrow columns without their encodings: what an Arrow type is beside what it holds makes no difference to a value."""

import pyarrow as pa
import pyarrow.compute as pc

DIGITS = b"fsdb_digits"  # in a field's metadata: a column of texts that are numbers


def holds_digits(field: pa.Field) -> bool:
    """Whether a column of texts is one of numbers: marked so, or a numeric that fsdb itself gave out."""
    metadata = field.metadata or {}
    return pa.types.is_string(plain_of(field.type)) and (
        DIGITS in metadata or metadata.get(b"postgresql_type", b"").startswith(b"numeric")
    )


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as one of Arrow's basic types: no dictionaries, runs, views, large or fixed-size variants, no extensions but uuid."""
    kind = plain_of(column.type)
    if column.type == kind:
        return column
    return pa.chunked_array([_plain(chunk, kind) for chunk in column.chunks], type=kind)


def plain_of(kind: pa.DataType) -> pa.DataType:
    """The type of `plain`'s result."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_of(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return pa.uuid()
        if kind.extension_name == "arrow.bool8":
            return pa.bool_()
        return plain_of(kind.storage_type) if kind.extension_name in _STORED else kind
    if pa.types.is_large_string(kind) or kind == pa.string_view():
        return pa.string()
    if pa.types.is_large_binary(kind) or kind == pa.binary_view():
        return pa.binary()
    if pa.types.is_float16(kind):
        return pa.float32()
    if is_list(kind):
        return pa.list_(plain_of(kind.value_type))
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether the type is one of Arrow's kinds of lists."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


_STORED = ("arrow.json", "arrow.fixed_shape_tensor")


def _plain(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    given = chunk.type
    if given == kind:
        return chunk
    if pa.types.is_dictionary(given):
        # Arrow takes places of basic types alone.
        return _plain(_plain(chunk.dictionary, kind).take(chunk.indices), kind)
    if pa.types.is_run_end_encoded(given):
        return _plain(pc.run_end_decode(chunk), kind)
    if isinstance(given, pa.BaseExtensionType):
        return _plain(chunk.storage, kind)
    if is_list(given):
        return _list(chunk, kind)
    return chunk.cast(kind)


def _list(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    items = _plain(chunk.flatten(), kind.value_type)
    lengths = pc.fill_null(pc.list_value_length(chunk), 0)
    return lists(items, lengths, chunk.is_null(), kind)


def lists(items: pa.Array, lengths: pa.Array, missing: pa.Array, kind: pa.DataType) -> pa.Array:
    """Lists of these lengths, one after the other out of `items`; those that are `missing` have none."""
    offsets = pa.concat_arrays(
        [pa.array([0], pa.int32()), pc.cumulative_sum(lengths.cast(pa.int64())).cast(pa.int32())]
    )
    return pa.ListArray.from_arrays(offsets, items, type=kind, mask=missing)
