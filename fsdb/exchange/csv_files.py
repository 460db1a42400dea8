"""CSV files as Arrow data, packed ones too: a column is read as the type that it is wanted in, others as what their texts look like.

A field without anything is NULL, "" is an empty text. The first line names the columns. Fields are parted by commas, or by
semicolons, tabs or bars where the first line has no comma.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.csv as pv

from fsdb.errors import InvalidData
from fsdb.exchange.written import WRITTEN, looks_like

ENDINGS = tuple(f".{kind}{packed}" for kind in ("csv", "tsv") for packed in ("", ".gz", ".bz2", ".zst"))
_BLOCK = 16 << 20
_MARKS = ",;\t|"


def names(path: str, what: str) -> list[str]:
    """The columns' names. Raises InvalidData."""
    try:
        with pa.input_stream(path) as stream:
            found: list[str] = pv.open_csv(stream, **_options(path, {})).schema.names
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, what, error) from error
    return found


def pieces(path: str, what: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The rows a piece at a time, as texts that say their values. Raises InvalidData."""
    schema = pa.schema([_written(name) for name in columns])
    yield schema.empty_table()
    with pa.input_stream(path) as stream:
        reader = pv.open_csv(stream, **_options(path, dict.fromkeys(names(path, what), pa.string())))
        for batch in reader:
            yield pa.Table.from_batches([batch]).select(list(columns)).cast(schema)


def read(path: str, what: str, wanted: Mapping[str, str]) -> pa.Table:
    """All rows: columns that are `wanted` as texts that say their values, others as what all their texts look like. Raises InvalidData."""
    try:
        with pa.input_stream(path) as stream:
            table = pv.read_csv(stream, **_options(path, dict.fromkeys(names(path, what), pa.string())))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, what, error) from error
    fields, columns = [], []
    for name, texts in zip(table.column_names, table.columns, strict=True):
        columns.append(texts if name in wanted else looks_like(texts))
        fields.append(_written(name) if name in wanted else pa.field(name, columns[-1].type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _written(name: str) -> pa.Field:
    return pa.field(name, pa.string(), metadata={WRITTEN: b""})


def _options(path: str, types: Mapping[str, pa.DataType]) -> dict[str, object]:
    return {
        "read_options": pv.ReadOptions(block_size=_BLOCK),
        "parse_options": pv.ParseOptions(delimiter=_mark(path), newlines_in_values=True),
        "convert_options": pv.ConvertOptions(
            column_types=dict(types),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    }


def _mark(path: str) -> str:
    """What parts the fields."""
    with pa.input_stream(path) as stream:
        head = stream.read(1 << 16).partition(b"\n")[0].decode("utf-8", "replace")
    return next((mark for mark in _MARKS if mark in head), ",")


def _unreadable(path: str, what: str, error: BaseException) -> InvalidData:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return InvalidData(f"The {what}'s file {path!r} cannot be read: {said}.")
