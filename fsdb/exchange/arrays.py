"""PostgreSQL's array texts, such as {1,NULL,NaN}, as Arrow lists."""

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.errors import InvalidData


def parsed_lists(texts: pa.Array, kind: pa.DataType, column: str) -> pa.Array:
    """Arrays of numbers as lists of type `kind`; `column` names them where they are refused.

    Raises InvalidData for arrays of arrays, of which Arrow's lists would lose the shape.
    """
    if pc.any(pc.match_substring(texts, "{{")).as_py():
        raise InvalidData(f"Column {column} holds arrays of arrays, which are not kept: store each as one array.")
    inner = pc.replace_substring_regex(texts, r"^[^{]*\{|\}$", "")
    split = pc.split_pattern(inner, ",")
    items = split.flatten()
    values = pc.if_else(pc.is_in(items, pa.array(["NULL", ""])), None, items).cast(kind.value_type)
    lengths = pc.if_else(pc.equal(inner, ""), 0, pc.list_value_length(split))
    if pc.any(pc.equal(inner, "")).as_py():  # an empty array splits into one empty text
        values = values.filter(pc.not_equal(items, ""))
    offsets = pc.cumulative_sum(pc.fill_null(lengths, 0)).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), offsets])
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=pc.is_null(texts))
