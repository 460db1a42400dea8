"""PostgreSQL's array texts, such as {1,NULL,"a b"}, as Arrow lists, and the way back."""

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.array_text import items_of, written
from fsdb.errors import InvalidData

_NESTED = r"^[^{]*\{\{"  # after the bounds that some arrays are written with
_SPECIAL = r'[\s"\\{},]|^$|^(?i:null)$'  # what PostgreSQL reads otherwise without quotes


def parsed_lists(texts: pa.Array, kind: pa.DataType, column: str) -> pa.Array:
    """Arrays of numbers, booleans or texts as lists of type `kind`; `column` names them where they are refused.

    Raises InvalidData for arrays of arrays, of which Arrow's lists would lose the shape.
    """
    if pc.any(pc.match_substring_regex(texts, _NESTED)).as_py():
        raise InvalidData(f"Column {column} holds arrays of arrays, which are not kept: store each as one array.")
    if pa.types.is_string(kind.value_type) and pc.any(pc.match_substring(texts, '"')).as_py():
        return pa.array([None if text is None else items_of(text) for text in texts.to_pylist()], kind)
    inner = pc.replace_substring_regex(texts, r"^[^{]*\{|\}$", "")
    split = pc.split_pattern(inner, ",")
    items = split.flatten()
    present = pc.if_else(pc.is_in(items, pa.array(["NULL", ""])), None, items)
    values = pc.equal(present, "t") if pa.types.is_boolean(kind.value_type) else present.cast(kind.value_type)
    lengths = pc.if_else(pc.equal(inner, ""), 0, pc.list_value_length(split))
    if pc.any(pc.equal(inner, "")).as_py():  # an empty array splits into one empty text
        values = values.filter(pc.not_equal(items, ""))
    offsets = pc.cumulative_sum(pc.fill_null(lengths, 0)).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), offsets])
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=pc.is_null(texts))


def array_texts(lists: pa.Array) -> pa.Array:
    """Lists of numbers, booleans or texts as PostgreSQL writes arrays."""
    flat = lists.flatten()
    if pa.types.is_string(flat.type) and pc.any(pc.match_substring_regex(flat, _SPECIAL)).as_py():
        return pa.array([None if items is None else written(items) for items in lists.to_pylist()], pa.string())
    items = pc.fill_null(flat.cast(pa.string()), "NULL")
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    inner = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ",")
    texts = pc.binary_join_element_wise("{", inner, "}", "")
    return pc.if_else(pc.is_null(lists), None, texts)


def hex_texts(column: pa.Array) -> pa.Array:
    """Bytes as PostgreSQL writes them: \\x and two digits each."""
    return pa.array([None if value is None else "\\x" + value.hex() for value in column.to_pylist()], pa.string())


def parsed_hex(texts: pa.Array) -> pa.Array:
    """The way back."""
    return pa.array([None if text is None else bytes.fromhex(text[2:]) for text in texts.to_pylist()], pa.binary())
