"""A feature set as it was at a moment, also before its reach: what <set>_as_of gives, from the copy and history together."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Composable, Identifier, Literal

from fsdb.asof import NOW, AsOf, Column, FeatureRead, KeyBinding, SetRead, Spine, snapshots
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.engines import router
from fsdb.errors import InvalidData
from fsdb.exchange.copy_out import read
from fsdb.exchange.types import arrow_type
from fsdb.history.names import as_of_function
from fsdb.history.reach import hold, reach_of
from fsdb.sql import joined, query

FILE = "retention/past"
INSTANT = "timestamp with time zone"
EVENT_TIME = "event_time"


def as_of(connection: Connection[Any], registered: RegisteredSet, moment: datetime, engine: str = "auto") -> pa.Table:
    """The entities that a set had at a moment, a row each: keys, features (NULL past max_age) and event_time.

    Raises InvalidData for a moment without time zone, and what the engines raise where the copy cannot be read.
    """
    if moment.utcoffset() is None:
        raise InvalidData(f"The moment {moment} has no time zone: give an aware datetime.")
    columns = [Column(name, kind) for name, kind in registered.keys.items()]
    columns += [Column(feature.name, feature.type) for feature in registered.features]
    columns.append(Column(EVENT_TIME, INSTANT))
    with connection.transaction(force_rollback=True):
        hold(connection)
        reach = reach_of(connection, registered)
        if reach is None or moment >= reach:
            source = query(FILE, "as_of", function=as_of_function(registered), moment=Literal(moment))
            return read(connection, columns, [Identifier(column.name) for column in columns], source)
        return _before_reach(connection, registered, moment, columns, engine)


def _before_reach(
    connection: Connection[Any], registered: RegisteredSet, moment: datetime, columns: list[Column], engine: str
) -> pa.Table:
    snapshot = snapshots.now(connection)
    described = AsOf(
        _entities(connection, registered, moment),
        (_read(registered),),
        tuple(columns[len(registered.keys) :]),
        NOW,
        snapshot,
    )
    rows = router.run(connection, described, engine).result.table()
    rows = rows.drop_columns([described.spine.timestamp])
    rows = rows.filter(pc.is_valid(rows.column(EVENT_TIME)))  # a tombstone has none, nor has what was not there yet
    if registered.max_age is None:
        return rows
    fresh = pc.greater_equal(
        rows.column(EVENT_TIME), pa.scalar(moment - registered.max_age, rows.column(EVENT_TIME).type)
    )
    for feature in registered.features:
        at = rows.schema.get_field_index(feature.name)
        aged = pc.if_else(fresh, rows.column(at), pa.scalar(None, rows.column(at).type))
        rows = rows.set_column(at, rows.schema.field(at), aged)
    return rows


def _entities(connection: Connection[Any], registered: RegisteredSet, moment: datetime) -> Spine:
    """Every key that the set ever had, at the moment: the newest version of each stays in history."""
    keys = [Column(name, kind) for name, kind in registered.keys.items()]
    names: list[Composable] = [Identifier(key.name) for key in keys]
    source = query(FILE, "entities", history=registered.history, keys=joined(names))
    rows = read(connection, keys, names, source)
    at = "at"
    while at in registered.keys or at in {feature.name for feature in registered.features}:
        at += "_"
    moments = pa.repeat(pa.scalar(moment, arrow_type(INSTANT)), rows.num_rows)
    rows = rows.append_column(at, moments)
    return Spine((*keys, Column(at, INSTANT)), at, rows.num_rows, rows=rows)


def _read(registered: RegisteredSet) -> SetRead:
    """Features as history has them, without default or age, and event_time as if it were one, to tell what was there."""
    features = [FeatureRead(f.feature_id, f.history_column, f.name, f.type, None) for f in registered.features]
    features.append(FeatureRead(0, EVENT_TIME, EVENT_TIME, INSTANT, None))
    keys = tuple(KeyBinding(key, kind, key) for key, kind in registered.keys.items())
    return SetRead(registered.name, registered.history_table, keys, tuple(features), None)
