"""Reading versions back from a copy's files, and comparing every column with what PostgreSQL has.

Rows come from the data files themselves, batch by batch; of those that are to leave the same ones are fetched from
history. Memory holds one batch of each and the version_ids of a pass.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Composable, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar import Copy
from fsdb.columnar.types import copy_type
from fsdb.errors import CopyBroken
from fsdb.exchange import copy_binary
from fsdb.retention.copied import CopiedVersions, Ids
from fsdb.sql import query
from fsdb.types import base_name

FILE = "retention/retention"
PASS_VERSIONS = 8_000_000  # whose numbers are in memory at a time; each pass reads the files that may hold them
FIXED = ("version_id", "event_time", "recorded_at", "xid", "deleted")


def verify(connection: Connection[Any], registered: RegisteredSet, copy: Copy, candidates: Identifier) -> None:
    """Raises CopyBroken unless the copy's files hold each version of the relation once, with the values that history has."""
    _refuse_only_here(connection, registered, copy, candidates)
    compared = _Comparison(connection, registered, copy)
    after = 0
    while len(ids := _next(connection, candidates, after)):
        compared.check(ids)
        after = int(ids[-1])


def _refuse_only_here(
    connection: Connection[Any], registered: RegisteredSet, copy: Copy, candidates: Identifier
) -> None:
    copied = {column.name for column in copy.columns}
    for column in _kinds(registered):
        if column not in copied:
            parts = {"history": registered.history, "candidates": candidates, "column": Identifier(column)}
            row = connection.execute(query(FILE, "only_here", **parts)).fetchone()
            if row is not None:
                raise _differing(registered.name, row[0], column)


def _next(connection: Connection[Any], candidates: Identifier, after: int) -> Ids:
    values = {"after": after, "most": PASS_VERSIONS}
    cursor = connection.execute(query(FILE, "ids", candidates=candidates), values)
    return np.fromiter((number for (number,) in cursor), np.int64, cursor.rowcount)


def _kinds(registered: RegisteredSet) -> dict[str, str]:
    """History's own columns with their types: keys, features and dropped features."""
    features = (*registered.features, *registered.dropped_features)
    return {**registered.keys, **{feature.history_column: feature.type for feature in features}}


class _Comparison:
    """One set's copy against its history."""

    def __init__(self, connection: Connection[Any], registered: RegisteredSet, copy: Copy) -> None:
        self._connection = connection
        self._set = registered
        kinds = _kinds(registered)
        # A column of the copy that history does not have any more cannot be compared, and is no loss.
        self._schema = pa.schema(
            [
                pa.field(column.name, copy_type(kinds[column.name]) if column.name in kinds else column.type)
                for column in copy.columns
                if column.name in kinds or column.name in FIXED
            ]
        )
        self._copied = CopiedVersions(copy, self._schema)
        self._expressions = [_expression(field.name, field.type, kinds.get(field.name)) for field in self._schema]
        self._numeric = {name for name, kind in kinds.items() if base_name(kind) == "numeric"}

    def check(self, ids: Ids) -> None:
        """Raises CopyBroken unless the files hold each of these versions once, as history has it. ids: in order."""
        found = np.zeros(len(ids), np.int64)
        for rows in self._copied.read(ids):
            numbers = rows.column("version_id").to_numpy()
            np.add.at(found, np.searchsorted(ids, numbers), 1)
            self._compare(rows, numbers)
        wrong = np.flatnonzero(found != 1)
        if len(wrong):
            number, times = ids[wrong[0]], found[wrong[0]]
            what = "does not hold" if times == 0 else f"holds {times} times"
            raise CopyBroken(
                f"The columnar copy of {self._set.name} {what} version {number}, which it should hold once: nothing was removed. Run fsdb sync --rebuild {self._set.name}."
            )

    def _compare(self, rows: pa.Table, numbers: Ids) -> None:
        source = query(FILE, "versions", history=self._set.history, ids=Literal(numbers.tolist()))
        batches = list(copy_binary.stream(self._connection, self._schema, self._expressions, source))
        held = pa.Table.from_batches(batches, self._schema)
        if held.num_rows != rows.num_rows:
            raise CopyBroken(
                f"The columnar copy of {self._set.name} holds a version twice among {numbers[0]} to {numbers[-1]}: nothing was removed. Run fsdb sync --rebuild {self._set.name}."
            )
        for name in self._schema.names:
            differing = _first_difference(rows.column(name), held.column(name), numeric=name in self._numeric)
            if differing is not None:
                raise _differing(self._set.name, int(numbers[differing]), name)


def _expression(name: str, arrow: pa.DataType, kind: str | None) -> Composable:
    """A column of history in the type that travels for the copy's."""
    value = Identifier("version", name)
    if kind is None:
        return value
    if base_name(kind) == "smallint":
        return query(FILE, "as_integer", value=value)
    plain_text = base_name(kind) in ("text", "character varying")
    if (pa.types.is_string(arrow) or pa.types.is_list(arrow)) and not plain_text:
        return query(FILE, "as_text", value=value)
    return value


def _first_difference(copied: pa.ChunkedArray, held: pa.ChunkedArray, *, numeric: bool) -> int | None:
    """The first position at which two columns differ, bit for bit; every NaN is the same."""
    one, other = (column.combine_chunks() for column in (copied, held))
    if pa.types.is_list(one.type):
        pairs = enumerate(zip(one, other, strict=True))
        return next((n for n, (a, b) in pairs if not _same_list(a, b)), None)
    nulls = pc.not_equal(pc.is_null(one), pc.is_null(other))
    if pa.types.is_floating(one.type):
        one, other = (_bits(column) for column in (one, other))
    unequal = pc.or_(nulls, pc.fill_null(pc.not_equal(one, other), False))
    for position in np.flatnonzero(unequal.to_numpy(zero_copy_only=False)):
        a, b = one[position].as_py(), other[position].as_py()
        if not (numeric and a is not None and b is not None and _same_number(a, b)):
            return int(position)
    return None


def _bits(column: pa.Array) -> pa.Array:
    """Floats as their bits, so that -0 is not 0 and NaN is NaN."""
    present = pc.is_valid(column).to_numpy(zero_copy_only=False)
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    kind = np.int32 if column.type == pa.float32() else np.int64
    values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return pa.array(values.view(kind), mask=~present)


def _same_list(one: pa.Scalar, other: pa.Scalar) -> bool:
    if not one.is_valid or not other.is_valid:
        return bool(one.is_valid == other.is_valid)
    a, b = one.values, other.values
    return len(a) == len(b) and _first_difference(pa.chunked_array([a]), pa.chunked_array([b]), numeric=False) is None


def _same_number(one: str, other: str) -> bool:
    """Whether two numerics are one number: widening adds zeros to the digits that history prints."""
    return Decimal(one) == Decimal(other)


def _differing(name: str, version: int, column: str) -> CopyBroken:
    return CopyBroken(
        f"Version {version} of {name} has another {column!r} in PostgreSQL than in its columnar copy: nothing was removed. Run fsdb sync --rebuild {name}."
    )
