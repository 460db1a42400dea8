"""Changes as the lines of an ordinary Alembic file."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from fsdb.catalog.feature_sets import default_text
from fsdb.definitions import Feature, FeatureSet, Schedule, TrainingView, Window, WindowSet, duration_text
from fsdb.definitions.expressions import Expression
from fsdb.migrate import changes, expression_changes, schedule_changes, window_changes
from fsdb.migrate.changes import Change
from fsdb.migrate.registered import default_value

INDENT = "    "
WIDTH = 112  # what is left of 120 columns inside `def upgrade():`, with the closing bracket

LOSSES: dict[type[Change], str] = {
    changes.DropFeatureSet: "deletes the set's values and history; the way back gives an empty set",
    schedule_changes.DropSchedule: "the schedule's place in time goes; the way back begins anew",
    window_changes.DropWindowSet: "training sets that were saved of it cannot be built again",
    changes.DropFeature: "the feature leaves the set; its past stays in history and the way back restores it",
}


def rendered(change: Change, prefix: str = "op.") -> list[str]:
    """The call that makes the change, after a comment where it is destructive. `prefix` is how the file names `op`."""
    name, positional, keywords = CALLS[type(change)](change)
    loss = LOSSES.get(type(change))
    return [*([f"# destructive: {loss}"] if loss else []), *call(f"{prefix}{name}", positional, keywords)]


def call(name: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> list[str]:
    """A call in one line where it fits, else one argument a line."""
    arguments = [source(value) for value in positional] + [f"{key}={source(value)}" for key, value in keywords.items()]
    line = f"{name}({', '.join(arguments)})"
    if "\n" not in line and len(line) <= WIDTH:
        return [line]
    return [f"{name}(", *(indented(argument) + "," for argument in arguments), ")"]


def source(value: Any) -> str:
    """A value as Python source; a longer list takes one line for each item, a longer text one for each of its lines."""
    if isinstance(value, Feature):
        return "\n".join(call("fsdb.Feature", *_feature(value)))
    if isinstance(value, Window):
        return "\n".join(call("fsdb.Window", *_window(value)))
    if isinstance(value, timedelta):
        return quoted(duration_text(value))
    if isinstance(value, str):
        lines = value.splitlines(keepends=True)
        if len(lines) > 1:
            return "\n".join(["(", *(indented(quoted(line)) for line in lines), ")"])
        return quoted(value)
    if isinstance(value, (list, tuple)):
        items = [source(item) for item in value]
        line = f"[{', '.join(items)}]"
        if (
            len(line) <= WIDTH - 16
            and "\n" not in line
            and not any(isinstance(item, Feature | Window) for item in value)
        ):
            return line
        return "\n".join(["[", *(indented(item) + "," for item in items), "]"])
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{source(key)}: {source(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def quoted(text: str) -> str:
    """A text in double quotes, as the formatter writes it."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() or "\n" in text else repr(text)


def indented(text: str) -> str:
    """Every line one step further in."""
    return "\n".join(INDENT + line for line in text.split("\n"))


def _feature(feature: Feature) -> tuple[list[Any], dict[str, Any]]:
    default = default_value(default_text(feature.default, feature.sql_type), feature.sql_type)
    rest = {"description": feature.description, "tags": list(feature.tags), "owner": feature.owner}
    return [feature.name, feature.sql_type], {
        **{key: value for key, value in rest.items() if value},
        **({} if default is None else {"default": default}),
    }


def _window(window: Window) -> tuple[list[Any], dict[str, Any]]:
    functions, widths = list(window.functions), window.widths
    assert not isinstance(widths, str | timedelta)
    rest = {"where": window.where, "name": window.name}
    return [
        window.column,
        functions[0] if len(functions) == 1 else functions,
        widths[0] if len(widths) == 1 else list(widths),
    ], {key: value for key, value in rest.items() if value is not None}


def _windows(definition: WindowSet) -> dict[str, Any]:
    return {
        "events": definition.events,
        "keys": dict(definition.keys),
        "features": list(definition.features),
        **({"offset": definition.offset} if definition.offset else {}),
        **({"step": definition.step} if definition.step else {}),
        **_described(definition),
    }


def _described(definition: FeatureSet | Expression | TrainingView | WindowSet | Schedule) -> dict[str, Any]:
    rest = {"description": definition.description, "tags": list(definition.tags), "owner": definition.owner}
    return {key: value for key, value in rest.items() if value}


def _set(definition: FeatureSet) -> dict[str, Any]:
    return {
        "keys": dict(definition.sql_keys),
        "features": list(definition.features),
        **({"max_age": definition.max_age} if definition.max_age else {}),
        **({"retention": definition.retention} if definition.retention else {}),
        **({"ahead": definition.ahead} if definition.ahead is not None else {}),
        **({"event_time": definition.event_time} if definition.event_time else {}),
        **({"happens": definition.happens} if definition.happens else {}),
        **_described(definition),
    }


def _changed(before: Any, after: Any) -> dict[str, Any]:
    """The fields of `after` that differ from those of `before`."""
    return {field: value for field, value in vars(after).items() if value != getattr(before, field)}


def _create_set(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    return "create_feature_set", [change.definition.name], _set(change.definition)


def _track(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    definition = change.definition
    return "track_table", [definition.tracks], {"name": definition.name, **_set(definition)}


def _alter_feature(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    changed = _changed(change.before, change.after)
    if "default" in changed:
        kind = change.after.sql_type
        changed["default"] = default_value(default_text(changed["default"], kind), kind)
    return "alter_feature", [change.set_name, change.after.name], changed


def _retype(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    return "alter_feature", [change.set_name, change.feature_name], {"type": change.new_type}


def _create_view(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    view = change.view
    label = {} if view.label is None else {"label": view.label}
    own = {"spine": view.spine, "timestamp": view.timestamp, **label, "features": list(view.features)}
    return "create_training_view", [view.name], {**own, **_described(view)}


def _create_schedule(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    schedule = change.schedule
    own = {
        "job": schedule.job,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        **({"sets": list(schedule.sets)} if schedule.sets else {}),
        **({"query": schedule.query} if schedule.query is not None else {}),
        **({"lookback": schedule.lookback} if schedule.lookback is not None else {}),
        **({"retries": schedule.retries} if schedule.retries != Schedule.retries else {}),
        **({} if schedule.catch_up else {"catch_up": False}),
        **({"after": list(schedule.after)} if schedule.after else {}),
    }
    return "create_schedule", [schedule.name], {**own, **_described(schedule)}


def _create_expression(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    definition = change.definition
    inputs = {"inputs": definition.request} if definition.inputs else {}
    return "create_expression", [definition.name, definition.expression], {**inputs, **_described(definition)}


def _alter_expression(change: Any) -> tuple[str, list[Any], dict[str, Any]]:
    changed = _changed(change.before, change.after)
    return (
        "alter_expression",
        [change.subject],
        changed | ({"inputs": change.after.request} if "inputs" in changed else {}),
    )


# How each change is called in a migration: operation, positional and keyword arguments.
CALLS: dict[type[Change], Callable[[Any], tuple[str, list[Any], dict[str, Any]]]] = {
    changes.CreateFeatureSet: _create_set,
    changes.TrackTable: _track,
    changes.DropFeatureSet: lambda change: ("drop_feature_set", [change.definition.name], {}),
    changes.RemakeLiveTable: lambda change: ("remake_live_table", [change.set_name], {}),
    changes.FollowTable: lambda change: (
        "follow_table",
        [change.set_name],
        {"table": change.after, "event_time": change.event_time[1], "columns": dict(change.columns)},
    ),
    changes.AddFeature: lambda change: ("add_feature", [change.set_name, change.feature], {}),
    changes.DropFeature: lambda change: ("drop_feature", [change.set_name, change.feature.name], {}),
    changes.RestoreFeature: lambda change: ("restore_feature", [change.set_name, change.feature], {}),
    changes.WidenFeature: _retype,
    changes.NarrowFeature: _retype,
    changes.AlterFeature: _alter_feature,
    changes.AlterFeatureSet: lambda change: (
        "alter_feature_set",
        [change.set_name],
        _changed(change.before, change.after),
    ),
    expression_changes.CreateExpression: _create_expression,
    expression_changes.AlterExpression: _alter_expression,
    expression_changes.DropExpression: lambda change: ("drop_expression", [change.subject], {}),
    changes.CreateTrainingView: _create_view,
    changes.AlterTrainingView: lambda change: (
        "alter_training_view",
        [change.after.name],
        _changed(change.before, change.after),
    ),
    window_changes.CreateWindowSet: lambda change: (
        "create_window_set",
        [change.definition.name],
        _windows(change.definition),
    ),
    window_changes.AlterWindowSet: lambda change: (
        "alter_window_set",
        [change.after.name],
        {
            key: list(value) if key == "features" else value
            for key, value in _changed(change.before, change.after).items()
        },
    ),
    window_changes.DropWindowSet: lambda change: ("drop_window_set", [change.definition.name], {}),
    changes.DropTrainingView: lambda change: ("drop_training_view", [change.view.name], {}),
    schedule_changes.CreateSchedule: _create_schedule,
    schedule_changes.AlterSchedule: lambda change: (
        "alter_schedule",
        [change.after.name],
        _changed(change.before, change.after),
    ),
    schedule_changes.DropSchedule: lambda change: ("drop_schedule", [change.schedule.name], {}),
}
