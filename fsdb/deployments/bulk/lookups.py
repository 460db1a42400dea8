"""The features of many rows at one moment: each distinct key of each set is looked up once, all in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import Column, SetRead
from fsdb.catalog.deployments import Release
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.deployments.bulk.distinct import Distinct, distinct
from fsdb.deployments.bulk.given import FILE
from fsdb.deployments.scoring import set_read
from fsdb.engines.postgres.lookup import newest, values
from fsdb.errors import InvalidData, UnsupportedModel
from fsdb.exchange import copy_binary, frames
from fsdb.exchange.queries import first_line
from fsdb.exchange.types import arrow_type
from fsdb.sql import joined, query
from fsdb.types import type_sql

_MOST_COLUMNS = 1664  # of one query
_NEW = "new"  # what a row is called where it is looked up, as in a trigger
_VERSION = "version_id"


@dataclass(frozen=True)
class Rows:
    """Rows that one release scores: `columns` as the model table has them, with `types` of PostgreSQL."""

    release: Release
    columns: Mapping[str, pa.Array]
    types: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """What the rows of a release are given: the model's inputs in their order, and by column the versions that were read."""

    inputs: tuple[pa.Array, ...]
    versions: dict[str, pa.Array]


@dataclass(frozen=True)
class _Arm:
    """The distinct keys of one release and set."""

    read: SetRead
    version_column: str
    key: Distinct


def look_up(
    connection: Connection[Any], at: datetime, rows: Sequence[Rows], sets: Mapping[str, RegisteredSet]
) -> list[Found]:
    """What holds at the moment for the rows of each release, in one snapshot.

    Raises InvalidData for a key that PostgreSQL does not take, UnsupportedModel for more features than one query gives.
    """
    for given in rows:
        for read in given.release.sets:
            if read.computed:
                raise UnsupportedModel(
                    f"{read.feature_set} is computed from events, which rows that are scored together outside of the server do not count: "
                    "insert the rows into the model table instead."
                )
    arms = [[_arm(given, read.feature_set, sets) for read in given.release.sets] for given in rows]
    flat = [arm for of_release in arms for arm in of_release]
    types = [given.types for given, of_release in zip(rows, arms, strict=True) for _ in of_release]
    answers = iter(_answers(connection, at, flat, types) if flat else [])
    return [_found(given, [(arm, next(answers)) for arm in of]) for given, of in zip(rows, arms, strict=True)]


def shares(
    connection: Connection[Any], columns: Sequence[pa.Array], types: Sequence[str], key: Sequence[Composable]
) -> NDArray[np.float64]:
    """The number in [0, 1) of each row's key, by which a canary takes its share.

    key: an expression for each column over a row called `new`, of columns k0, k1….
    """
    given = distinct(columns)
    names = [f"k{n}" for n in range(len(columns))]
    table = pa.table([*given.columns, _numbers(len(given.columns[0]))], names=[*names, "n"])
    kinds = [*(Column(name, kind) for name, kind in zip(names, types, strict=True)), Column("n", "bigint")]
    schema = pa.schema([("n", pa.int64()), ("share", pa.float64())])
    with frames.staged(connection, table.schema, table.to_batches(), kinds) as staged:
        expressions: list[Composable] = [SQL("new.n"), query(FILE, "share", key=joined(list(key)))]
        source = query(FILE, "rows", rows=staged)
        answer = _read(connection, schema, expressions, source)
    found = np.empty(len(table))
    found[answer.column("n").to_numpy()] = answer.column("share").to_numpy()
    return found[given.places]


def _arm(given: Rows, feature_set: str, sets: Mapping[str, RegisteredSet]) -> _Arm:
    release = given.release
    (read,) = (read for read in release.sets if read.feature_set == feature_set)
    names = {entry.name: f"i{number}" for number, entry in enumerate(release.inputs)}
    described = set_read(release, read, sets[feature_set], names)
    return _Arm(described, read.version_column, distinct([given.columns[key.spine_column] for key in described.keys]))


def _answers(
    connection: Connection[Any], at: datetime, arms: Sequence[_Arm], types: Sequence[Mapping[str, str]]
) -> list[pa.Table]:
    """For each arm a table of its version_id and features by output, a row for each of its keys in order."""
    columns = [Column("arm", "bigint"), Column("n", "bigint")]
    tables = []
    for number, (arm, kinds) in enumerate(zip(arms, types, strict=True)):
        names = [f"k{number}_{n}" for n in range(len(arm.read.keys))]
        columns += [Column(name, kinds[key.spine_column]) for name, key in zip(names, arm.read.keys, strict=True)]
        count = len(arm.key.columns[0])
        numbers = [pa.array(np.full(count, number)), _numbers(count)]
        tables.append(pa.table([*numbers, *arm.key.columns], names=["arm", "n", *names]))
    staged_keys = pa.concat_tables(tables, promote_options="default")
    fields = [("arm", pa.int64()), ("n", pa.int64()), (_VERSION, pa.int64())]
    outputs = [(f"{number}_{f.output}", f.type) for number, arm in enumerate(arms) for f in arm.read.features]
    fields += [(name, arrow_type(kind)) for name, kind in outputs]
    if len(fields) > _MOST_COLUMNS:
        raise UnsupportedModel(
            f"The model takes {len(outputs)} features, and {_MOST_COLUMNS - 3} can be looked up for many rows at once: "
            "insert the rows into the model table instead."
        )
    with frames.staged(connection, staged_keys.schema, staged_keys.to_batches(), columns) as staged:
        selects = [_select(arm, number, arms, staged, Literal(at)) for number, arm in enumerate(arms)]
        source = query(FILE, "all_arms", arms=joined(selects, "\nUNION ALL\n"))
        expressions: list[Composable] = [Identifier("looked_up", name) for name, _ in fields]
        answer = _read(connection, pa.schema(fields), expressions, source)
    return [_of_arm(answer, number, arm) for number, arm in enumerate(arms)]


def _select(arm: _Arm, number: int, arms: Sequence[_Arm], staged: Composable, at: Composable) -> Composed:
    keys: list[Composable] = [Identifier(_NEW, f"k{number}_{n}") for n in range(len(arm.read.keys))]
    own = dict(zip(arm.read.features, values(arm.read, "held"), strict=True))
    columns: list[Composable] = []
    for other, one in enumerate(arms):
        for feature in one.read.features:
            value = own[feature] if other == number else SQL("NULL")
            # Arrow has no type for every numeric: its digits travel.
            kind = "text" if arrow_type(feature.type) == pa.string() else feature.type
            name = Identifier(f"{other}_{feature.output}")
            columns.append(SQL("({})::{} AS {}").format(value, type_sql(kind), name))
    return query(
        FILE,
        "arm",
        columns=joined([SQL("new.arm, new.n, held.version_id"), *columns]),
        rows=staged,
        newest=newest(arm.read, keys, at),
        arm=Literal(number),
    )


def _read(
    connection: Connection[Any], schema: pa.Schema, expressions: Sequence[Composable], source: Composable
) -> pa.Table:
    try:
        with connection.transaction(force_rollback=True):
            return pa.Table.from_batches(copy_binary.stream(connection, schema, expressions, source), schema)
    except psycopg.DataError as error:
        raise InvalidData(f"The keys of the data cannot be looked up: {first_line(error)}.") from error


def _of_arm(answer: pa.Table, number: int, arm: _Arm) -> pa.Table:
    of_arm = np.flatnonzero(answer.column("arm").to_numpy() == number)
    order = np.argsort(answer.column("n").to_numpy()[of_arm])
    names = [f"{number}_{feature.output}" for feature in arm.read.features]
    rows = answer.select([_VERSION, *names]).take(pa.array(of_arm[order]))
    return rows.rename_columns([_VERSION, *(feature.output for feature in arm.read.features)]).combine_chunks()


def _found(given: Rows, answers: Sequence[tuple[_Arm, pa.Table]]) -> Found:
    looked: dict[str, pa.Array] = {}
    versions: dict[str, pa.Array] = {}
    for arm, answer in answers:
        places = pa.array(arm.key.places)
        versions[arm.version_column] = _flat(answer.column(_VERSION).take(places))
        for feature in arm.read.features:
            looked[feature.output] = _flat(answer.column(feature.output).take(places))
    inputs = [
        given.columns[entry.column] if entry.feature_id is None else looked[f"i{number}"]
        for number, entry in enumerate(given.release.inputs)
    ]
    return Found(tuple(inputs), versions)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _numbers(count: int) -> pa.Array:
    return pa.array(np.arange(count, dtype=np.int64))
