"""What the database has, written as the definitions that would declare it: the other side of every comparison."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from fsdb.array_text import python_items
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet, default_text
from fsdb.definitions import Feature, FeatureSet, Schedule, TrainingView, WindowSet
from fsdb.definitions.expressions import Expression
from fsdb.definitions.windows import grouped
from fsdb.types import base_name


@dataclass(frozen=True)
class Moved:
    """What the application calls a tracked table now, and columns of it by their former names."""

    table: str
    columns: dict[str, str]


@dataclass(frozen=True)
class Registered:
    """The definitions of a database by name; and sets of which tables or columns were renamed."""

    sets: dict[str, FeatureSet]
    views: dict[str, TrainingView]
    moved: dict[str, Moved] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    windows: dict[str, WindowSet] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)


def set_definition(registered: RegisteredSet) -> FeatureSet:
    """The definition that declares a registered set as it is now."""
    return FeatureSet(
        registered.name,
        keys=registered.keys,
        features=tuple(feature_definition(feature) for feature in registered.features),
        max_age=registered.max_age,
        description=registered.description,
        tags=registered.tags,
        owner=registered.owner,
        tracks=qualified(registered.live_schema, registered.live_table) if registered.tracked else None,
        event_time=registered.event_time_column if registered.tracked else registered.event_time_rule,
        retention=registered.retention,
        ahead=registered.ahead,
        happens=registered.happens,
    )


def window_definition(registered: RegisteredSet) -> WindowSet:
    """The definition that declares a registered window set as it is now."""
    windows = registered.windows
    assert windows is not None
    return WindowSet(
        registered.name,
        events=windows.events.name,
        keys=dict(windows.columns),
        features=grouped([windows.of[feature.feature_id] for feature in registered.features]),
        offset=windows.offset or None,
        step=windows.step,
        description=registered.description,
        tags=registered.tags,
        owner=registered.owner,
    )


def feature_definition(registered: RegisteredFeature) -> Feature:
    """The definition that declares a registered feature as it is now. Its parts were checked when they were written, or when they were read."""
    made = object.__new__(Feature)
    made.__dict__.update(
        name=registered.name,
        type=registered.type,
        description=registered.description,
        tags=registered.tags,
        owner=registered.owner,
        default=default_value(registered.default_value, registered.type),
    )
    return made


def default_value(text: str | None, kind: str) -> Any:
    """A plain Python value which, given as a feature's default, is kept as exactly this text.

    Numbers and booleans come back as such where their text survives the way there and back; everything else is the text.
    """
    if text is None:
        return None
    if kind == "jsonb":
        return json.loads(text)
    if kind.endswith("[]"):
        items = python_items(text, kind.removesuffix("[]"))
        return items if default_text(items, kind) == text else text
    if kind == "bytea" and re.fullmatch(r"\\x([0-9a-f]{2})*", text):
        return bytes.fromhex(text[2:])
    for read in _READERS.get(base_name(kind), ()):
        try:
            value = read(text)
        except (ValueError, KeyError):
            continue
        if default_text(value, kind) == text:
            return value
    return text


def same_default(one: Feature, other: Feature) -> bool:
    """Whether two features of one type have the same default, however it is written."""
    return default_text(one.default, one.sql_type) == default_text(other.default, other.sql_type)


def qualified(schema: str, table: str) -> str:
    """A tracked table as users write it: without the schema where that is public."""
    return table if schema == "public" else f"{schema}.{table}"


_READERS: dict[str, tuple[Any, ...]] = {
    "smallint": (int,),
    "integer": (int,),
    "bigint": (int,),
    "real": (float, int),
    "double precision": (float, int),
    "boolean": ({"True": True, "False": False}.__getitem__,),
}
