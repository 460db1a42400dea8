"""A feature set as it was at a moment, also before its reach: what <set>_as_of gives, from the copy and history together."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Composable, Identifier, Literal

from fsdb.asof import NOW, AsOf, Column, FeatureRead, KeyBinding, SetRead, Spine, snapshots
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar import read_copy
from fsdb.engines import router
from fsdb.errors import InvalidData
from fsdb.exchange.copy_out import read
from fsdb.exchange.types import arrow_type
from fsdb.history.names import as_of_function
from fsdb.history.reach import hold, reach_of
from fsdb.retention.copied import VERSION_ID, CopiedVersions
from fsdb.sql import joined, query

FILE = "retention/past"
INSTANT = "timestamp with time zone"
EVENT_TIME = "event_time"
_TIMES = pa.schema([(VERSION_ID, pa.int64()), (EVENT_TIME, arrow_type(INSTANT))])


def as_of(connection: Connection[Any], registered: RegisteredSet, moment: datetime) -> pa.Table:
    """The entities that a set had at a moment, a row each: keys, features (NULL past max_age) and event_time.

    Before the set's reach DuckDB reads the copy and what it lacks. Raises InvalidData for a moment without time zone, and what
    that engine raises where it cannot be had or the copy cannot be read.
    """
    if moment.utcoffset() is None:
        raise InvalidData(f"The moment {moment} has no time zone: give a datetime that has one.")
    columns = [Column(name, kind) for name, kind in registered.keys.items()]
    columns += [Column(feature.name, feature.type) for feature in registered.features]
    with connection.transaction(force_rollback=True):
        hold(connection)
        reach = reach_of(connection, registered)
        if reach is None or moment >= reach:
            columns.append(Column(EVENT_TIME, INSTANT))
            source = query(FILE, "as_of", function=as_of_function(registered), moment=Literal(moment))
            return read(connection, columns, [Identifier(column.name) for column in columns], source)
        return _before_reach(connection, registered, moment)


def _before_reach(connection: Connection[Any], registered: RegisteredSet, moment: datetime) -> pa.Table:
    """What the engine finds for every key that the set ever had. Which version that is comes with it: a tombstone has none."""
    features = [FeatureRead(f.feature_id, f.history_column, f.name, f.type, None) for f in registered.features]
    version = FeatureRead(0, VERSION_ID, VERSION_ID, "bigint", None)
    keys = tuple(KeyBinding(key, kind, key) for key, kind in registered.keys.items())
    # Age is seen to below: a version that is too old still tells that the entity was there.
    found = SetRead(registered.name, registered.history_table, keys, (*features, version), None)
    outputs = tuple(Column(feature.output, feature.type) for feature in found.features)
    spine = _entities(connection, registered, moment)
    described = AsOf(spine, (found,), outputs, NOW, snapshots.now(connection))
    rows = router.run(connection, described, "duckdb").result.table().drop_columns([spine.timestamp])
    rows = rows.filter(pc.is_valid(rows.column(VERSION_ID)))
    times = _event_times(connection, registered, rows.column(VERSION_ID))
    rows = rows.drop_columns([VERSION_ID])
    if registered.max_age is not None:
        rows = _aged(rows, [feature.name for feature in registered.features], times, moment - registered.max_age)
    return rows.append_column(pa.field(EVENT_TIME, times.type, metadata={"postgresql_type": INSTANT}), times)


def _entities(connection: Connection[Any], registered: RegisteredSet, moment: datetime) -> Spine:
    """Every key that the set ever had, at the moment: the newest version of each stays in history."""
    keys = [Column(name, kind) for name, kind in registered.keys.items()]
    names: list[Composable] = [Identifier(key.name) for key in keys]
    source = query(FILE, "entities", history=registered.history, keys=joined(names))
    rows = read(connection, keys, names, source)
    at = "at"
    while at in registered.keys or at in {feature.name for feature in registered.features}:
        at += "_"
    rows = rows.append_column(at, pa.repeat(pa.scalar(moment, arrow_type(INSTANT)), rows.num_rows))
    return Spine((*keys, Column(at, INSTANT)), at, rows.num_rows, rows=rows)


def _event_times(connection: Connection[Any], registered: RegisteredSet, versions: pa.ChunkedArray) -> pa.ChunkedArray:
    """The versions' event times, from history or, where they have left it, from the copy."""
    numbers = np.unique(versions.to_numpy())
    source = query(FILE, "versions", history=registered.history, ids=Literal(numbers.tolist()))
    columns = [Column(VERSION_ID, "bigint"), Column(EVENT_TIME, INSTANT)]
    here = read(connection, columns, [Identifier(column.name) for column in columns], source)
    parts = [here.cast(_TIMES)]
    left = np.setdiff1d(numbers, here.column(VERSION_ID).to_numpy())
    if len(left):
        copy = read_copy(connection, registered.name)
        assert copy is not None
        parts += CopiedVersions(copy, _TIMES).read(left)
    known = pa.concat_tables(parts).sort_by(VERSION_ID)
    places = np.searchsorted(known.column(VERSION_ID).to_numpy(), versions.to_numpy())
    return known.column(EVENT_TIME).take(pa.array(places))


def _aged(rows: pa.Table, features: Sequence[str], times: pa.ChunkedArray, oldest: datetime) -> pa.Table:
    fresh = pc.greater_equal(times, pa.scalar(oldest, times.type))
    for name in features:
        at = rows.schema.get_field_index(name)
        values = pc.if_else(fresh, rows.column(at), pa.scalar(None, rows.column(at).type))
        rows = rows.set_column(at, rows.schema.field(at), values)
    return rows
