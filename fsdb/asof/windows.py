"""What is computed from events over windows, described without any engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredWindows
from fsdb.definitions.windows import WindowFeature

if TYPE_CHECKING:  # with numpy and Arrow, which windows without a condition are described without
    from fsdb.expressions import Node


@dataclass(frozen=True)
class EventColumns:
    """An event table's columns as windows read them. id: its key. at: the time of each event. types: PostgreSQL's names, by column."""

    id: str
    at: str
    types: dict[str, str]


@dataclass(frozen=True)
class WindowRead:
    """What is computed for one entity: features over the events whose `keys` (columns of them, in order) are the entity's.

    Columns bear the names that they have where the events are read. A feature's `where` is SQL over `event`, and `conditions` has the
    expression that it comes from. offset and step: as a window set has them.
    """

    events: EventColumns
    keys: tuple[str, ...]
    features: tuple[WindowFeature, ...]
    offset: timedelta = timedelta()
    step: timedelta | None = None
    conditions: Mapping[str, "Node"] = field(default_factory=dict)


def window_read(windows: RegisteredWindows, features: Iterable[int]) -> WindowRead:
    """What to compute for features of a window set, by feature_id, over versions of its events: all columns as history calls them."""
    events = windows.events
    assert events.happens is not None
    every = (*events.features, *events.dropped_features)
    (event_id,) = events.keys.items()
    names = {str(f.feature_id): f.history_column for f in every}
    computed, conditions = [], {}
    for feature in features:
        one = windows.of[feature]
        if one.where is not None:
            where, condition = _condition(windows.conditions[feature], names)
            conditions[where] = condition
            one = replace(one, where=where)
        computed.append(one)
    return WindowRead(
        EventColumns(
            event_id[0],
            events.feature(events.happens).history_column,
            {event_id[0]: event_id[1], **{f.history_column: f.type for f in every}},
        ),
        tuple(windows.columns.values()),
        tuple(computed),
        windows.offset,
        windows.step,
        conditions,
    )


def _condition(document: Any, names: Mapping[str, str]) -> tuple[str, "Node"]:
    from fsdb.expressions import from_document, inputs_of, renamed, value_sql

    condition = renamed(from_document(document), names)
    return value_sql(
        condition, {name: Identifier("event", name) for name in inputs_of(condition)}
    ).as_string(), condition
