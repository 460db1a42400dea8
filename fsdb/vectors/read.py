"""Reading vectors. Values come from history, by one index descent a set: also rows dated ahead count from their moment on.

What a choice of features compiles to is kept. Each reading asks, in the same statement, for the catalog's generation:
where that is another, definitions changed, and the reading is done again with what they are now.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.asof import snapshots
from fsdb.engines.postgres.pieces import Rows, fits, read_pieces, read_whole
from fsdb.errors import FsdbError, InvalidData
from fsdb.exchange.types import arrow_type
from fsdb.expressions.evaluation import evaluate
from fsdb.keys import key_values
from fsdb.listing import listed
from fsdb.search_path import pinned
from fsdb.session import NOT_PREPARED, Session
from fsdb.sql import joined, query
from fsdb.types import type_sql
from fsdb.vectors.compiled import (
    FILE,
    Choice,
    CompiledVector,
    choice_of,
    compile_vector,
    current_generation,
    found,
    kept,
    requested,
)
from fsdb.vectors.request import split

_ATTEMPTS = 5
# What PostgreSQL says of arithmetic that the evaluator refuses, too.
OUT_OF_RANGE = (
    psycopg.errors.NumericValueOutOfRange,
    psycopg.errors.InvalidArgumentForPowerFunction,
    psycopg.errors.InvalidArgumentForPowerFunction,
    psycopg.errors.DatetimeFieldOverflow,
    psycopg.errors.FeatureNotSupported,
)


def feature_vector(
    connection: Connection[Any], features: str | Sequence[str], keys: Mapping[str, Any]
) -> dict[str, Any]:
    """The features of one entity as of this moment, by output name; and `found`.

    features: "set.feature"; "set.*" and "set" are all that the set has now, in the order of its definition.
    keys: a value for each key of the chosen sets, and for each column that a chosen expression reads of the request. Values older than a set's max_age are None, then defaults apply.
    found: whether every chosen set has the entity. On an autocommit connection outside a transaction this is one round trip.
    Raises UnknownName and InvalidData.
    """
    choice = choice_of(connection, features)
    alone = connection.autocommit and connection.pgconn.transaction_status == TransactionStatus.IDLE
    for attempt in range(_ATTEMPTS):
        # A statement that fails would spoil the caller's transaction: there the generation is asked for first.
        compiled = kept(choice) if alone and not attempt else _current(connection, choice)
        if compiled is None:
            with pinned(connection):
                compiled = compile_vector(connection, choice)
        try:
            own, brought = split(keys, compiled.request, compiled.key_names)
            values = key_values(own, compiled.keys) + brought
            # In binary a real is the float32 that it is, as in Arrow; as text it would be another float64.
            if alone and compiled.small and isinstance(connection, Session) and not connection.shared:
                row = connection.hot.row(compiled.one, values)
            else:
                row = _row(connection, compiled, values)
        except NOT_PREPARED:
            if not alone:
                raise
            if attempt or not isinstance(connection, Session) or not connection.lost():
                _share(connection)
            continue
        except (psycopg.Error, FsdbError) as error:
            if alone and _outdated(connection, compiled):
                continue
            if not isinstance(error, psycopg.DataError):
                raise
            raise _refused(error, compiled, choice) from error
        if row[-1] != connection.pgconn.backend_pid:
            _share(connection)
        if row[-2] == compiled.generation:
            vector = dict(zip(compiled.names, compiled.values(row), strict=False))
            vector["found"] = row[-3]
            return vector
    raise _restless(choice[-1])


def _refused(error: psycopg.Error, compiled: CompiledVector, choice: Choice) -> InvalidData:
    if compiled.computed and isinstance(error, OUT_OF_RANGE):
        return InvalidData(
            f"Expression {' or '.join(one.output for one in compiled.computed)} gives a number that its type does not hold: give it other "
            "inputs, or keep them in range with least and greatest."
        )
    return InvalidData(
        f"A value of {listed(choice[-1])} has no form in Python: {str(error).strip()}. Read it with SQL, cast to text."
    )


def feature_vectors(
    connection: Connection[Any], features: str | Sequence[str], keys: Sequence[Mapping[str, Any]]
) -> pa.Table:
    """The features of many entities, all as of one moment: a row for each of `keys`, in their order, and a column `found`.

    Raises UnknownName, and InvalidData naming the entity by its position.
    """
    return read_many(connection, features, keys)[-1]


def read_many(
    connection: Connection[Any], features: str | Sequence[str], keys: Sequence[Mapping[str, Any]]
) -> tuple[CompiledVector, list[list[Any]], pa.Table]:
    """What the features compiled to, the entities' values by its keys, and what `feature_vectors` gives."""
    choice = choice_of(connection, features)
    for _ in range(_ATTEMPTS):
        with connection.transaction(), pinned(connection):
            compiled = _current(connection, choice)
            columns, request = _columns_of(keys, compiled)
            table = _read_many(connection, compiled, columns, len(keys))
            if compiled.computed:
                table = _with_expressions(compiled, table, request)
            if current_generation(connection) == compiled.generation:
                return compiled, columns, table
    raise _restless(choice[-1])


def _row(connection: Connection[Any], compiled: CompiledVector, values: Sequence[Any]) -> tuple[Any, ...]:
    """One entity's row inside a transaction, on a connection of the user's or a session that a pooler shares."""
    cursor = psycopg.RawCursor(connection, row_factory=tuple_row)
    row = cursor.execute(compiled.one, values, prepare=True, binary=True).fetchone()
    assert row is not None
    return row


def _share(connection: Connection[Any]) -> None:
    """Prepares nothing any more in a session that a pooler gives to others, too."""
    if isinstance(connection, Session):
        connection.share()
    else:
        connection.prepare_threshold = None


def _outdated(connection: Connection[Any], compiled: CompiledVector) -> bool:
    """Whether definitions changed since, which is why a statement, or the keys given, did not fit it."""
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    return current_generation(connection) != compiled.generation


def _current(connection: Connection[Any], choice: Choice) -> CompiledVector:
    compiled = kept(choice)
    if compiled is not None and compiled.generation == current_generation(connection):
        return compiled
    with pinned(connection):
        return compile_vector(connection, choice)


def _columns_of(
    entities: Sequence[Mapping[str, Any]], compiled: CompiledVector
) -> tuple[list[list[Any]], list[list[Any]]]:
    """The entities' key values, by key, and the request's values, by name."""
    columns: list[list[Any]] = [[] for _ in compiled.keys]
    request: list[list[Any]] = [[] for _ in compiled.request]
    for position, entity in enumerate(entities):
        try:
            own, brought = split(entity, compiled.request, compiled.key_names)
            values = key_values(own, compiled.keys)
        except FsdbError as error:
            raise type(error)(f"Entity {position}: {error}") from None
        for column, value in zip(columns, values, strict=True):
            column.append(value)
        for column, value in zip(request, brought, strict=True):
            column.append(value)
    return columns, request


def _with_expressions(compiled: CompiledVector, table: pa.Table, request: list[list[Any]]) -> pa.Table:
    """What comes out: the features that were chosen, what the expressions make of features and request, and `found`."""
    given = dict(zip(table.column_names, table.columns, strict=True))
    for one, values in zip(compiled.request, request, strict=True):
        kind = arrow_type(one.type)
        plain = [str(v) if isinstance(v, Decimal) and kind == pa.string() else v for v in values]
        given[requested(one.name)] = pa.array(plain, kind)
    trees = {one.output: one for one in compiled.computed}
    columns, fields = [], []
    for name in [*compiled.names, "found"]:
        if name in trees:
            computed = trees[name]
            columns.append(evaluate(computed.tree, given, table.num_rows, name))
            fields.append(pa.field(name, arrow_type(computed.type), metadata={"postgresql_type": computed.type}))
        else:
            columns.append(table.column(name))
            fields.append(table.schema.field(name))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _read_many(connection: Connection[Any], compiled: CompiledVector, columns: list[list[Any]], count: int) -> pa.Table:
    field = pa.field("found", pa.bool_(), metadata={"postgresql_type": "boolean"})
    if not compiled.reads:
        return pa.Table.from_arrays([pa.array([True] * count, pa.bool_())], schema=pa.schema([field]))
    names = [Identifier(f"k{number}") for number in range(1, len(columns) + 1)]
    arrays: list[Composable] = [
        SQL("{}::{}[]").format(Literal(values), type_sql(key.type))
        for key, values in zip(compiled.keys, columns, strict=True)
    ]
    ordinal = Identifier("ordinal")
    values: list[Composable] = [SQL("entity.{}").format(name) for name in names]
    # One statement sees one snapshot and one clock; several are given them.
    at: Composable = SQL("clock_timestamp()")
    snapshot = None
    alone = fits(len(compiled.outputs))
    if not alone:
        snapshots.adopt(connection)
        at, snapshot = Literal(_clock(connection)), snapshots.now(connection)
    parts = {"arrays": joined(arrays), "columns": joined([*names, ordinal]), "ordinal": ordinal, "at": at}
    rows = Rows(
        lambda joins: query(FILE, "many", lookups=joins, **parts),
        lambda read: compiled.given_keys(read, values),
        SQL("entity.at"),
        lambda reads: SQL("({})::integer::bigint").format(found(reads)),
        snapshot=snapshot,
    )
    read = read_whole if alone else read_pieces
    answer = read(connection, rows, (), (), compiled.reads, compiled.outputs)
    everywhere = pc.min_element_wise(*answer.numbers).cast(pa.bool_())
    return answer.table(compiled.outputs).append_column(field, everywhere)


def _clock(connection: Connection[Any]) -> datetime:
    row = connection.execute(query(FILE, "clock")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def _restless(features: Sequence[str]) -> InvalidData:
    return InvalidData(f"The definitions of {listed(features)} kept changing while they were read: ask again.")
