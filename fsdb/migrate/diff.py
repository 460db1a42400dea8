"""The one comparison of definitions with what is registered. `plan` and autogenerate both read its result."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from fsdb.catalog.references import chosen
from fsdb.definitions import BatchSet, Feature, FeatureSet, Schedule, TrainingView, WindowSet
from fsdb.definitions.circles import circle, ordered
from fsdb.definitions.expressions import Expression
from fsdb.definitions.windows import grouped
from fsdb.errors import InvalidDefinition
from fsdb.history.live import table_of
from fsdb.migrate.changes import (
    AddFeature,
    AlterFeature,
    AlterFeatureSet,
    AlterTrainingView,
    Change,
    CreateFeatureSet,
    CreateTrainingView,
    DropFeature,
    DropFeatureSet,
    DropTrainingView,
    FollowTable,
    RemakeLiveTable,
    SetAttributes,
    TrackTable,
    WidenFeature,
)
from fsdb.migrate.expression_changes import AlterExpression, CreateExpression, DropExpression
from fsdb.migrate.registered import Moved, Registered, qualified, same_default
from fsdb.migrate.schedule_changes import AlterSchedule, CreateSchedule, DropSchedule
from fsdb.migrate.window_changes import AlterWindowSet, CreateWindowSet, DropWindowSet
from fsdb.types import widens

Definition = FeatureSet | Expression | TrainingView | WindowSet | BatchSet | Schedule
D = TypeVar("D", FeatureSet, Expression, TrainingView, WindowSet, Schedule)

# A view may need what is added and must let go of what is dropped before it is. A schedule's query needs all that is there in the end.
ORDER: tuple[type[Change], ...] = (
    RemakeLiveTable,
    FollowTable,
    DropTrainingView,
    CreateFeatureSet,
    TrackTable,
    AddFeature,
    WidenFeature,
    AlterFeature,
    AlterFeatureSet,
    CreateWindowSet,
    AlterWindowSet,
    CreateExpression,
    AlterExpression,
    CreateTrainingView,
    AlterTrainingView,
    DropExpression,
    DropWindowSet,
    DropFeature,
    CreateSchedule,
    AlterSchedule,
    DropSchedule,
    DropFeatureSet,
)


@dataclass(frozen=True)
class Difference:
    """The changes that lead from the database to the definitions, in the order in which they can be made.

    refusals: what the definitions ask for that is not done in place, each with the advice what to do instead.
    """

    changes: tuple[Change, ...]
    refusals: tuple[str, ...]


def diff(registered: Registered, definitions: Iterable[Definition], prune: bool = False) -> Difference:
    """Compares. What no definition names is left alone, or with `prune` dropped.

    Raises InvalidDefinition where two definitions bear one name.
    """
    given = [part for d in definitions for part in (d.parts() if isinstance(d, BatchSet) else (d,))]
    sets = _by_name([d for d in given if isinstance(d, FeatureSet)], "feature set")
    expressions = _by_name([d for d in given if isinstance(d, Expression)], "expression")
    views = _by_name([d for d in given if isinstance(d, TrainingView)], "training view")
    followed: dict[str, dict[str, str]] = {}
    windows = _by_name([d for d in given if isinstance(d, WindowSet)], "window set")
    _refuse_shared_names({*sets, *windows}, expressions, registered, prune)
    changes: list[Change] = []
    refusals: list[str] = []
    for name, wanted in sets.items():
        if name not in registered.sets:
            changes.append(TrackTable(wanted) if wanted.tracks else CreateFeatureSet(wanted))
            continue
        follow, old = _followed(registered.sets[name], wanted, registered.moved.get(name))
        refused = list(_refusals(old, wanted))
        refusals.extend(refused)
        if not refused:
            if follow is not None:
                changes.append(follow)
                followed[name] = dict(follow.columns)
            changes.extend(_set_changes(old, wanted))
    schedules = _by_name([d for d in given if isinstance(d, Schedule)], "schedule")
    changes.extend(_schedule_changes(registered.schedules, schedules))
    for name, wished in windows.items():
        before = registered.windows.get(name)
        if before is not None and before.events in followed:
            before = _over_renamed(before, followed[before.events])
        refused = [] if before is None else list(_window_refusals(before, wished))
        refusals.extend(refused)
        if before is None:
            changes.append(CreateWindowSet(wished))
        elif not refused and _differ(before, wished):
            changes.append(AlterWindowSet(before, wished))
    for name, expression in expressions.items():
        if name not in registered.expressions:
            changes.append(CreateExpression(expression))
        elif registered.expressions[name] != expression:
            changes.append(AlterExpression(registered.expressions[name], expression))
    changes.extend(_view_changes(registered.views, _whole_sets(views, registered, sets, windows)))
    if prune:
        changes.extend(DropWindowSet(old) for name, old in registered.windows.items() if name not in windows)
        changes.extend(DropFeatureSet(old) for name, old in registered.sets.items() if name not in sets)
        changes.extend(DropExpression(old) for name, old in registered.expressions.items() if name not in expressions)
        changes.extend(DropTrainingView(old) for name, old in registered.views.items() if name not in views)
        changes.extend(_dropped_schedules(registered.schedules, schedules))
    return Difference(tuple(sorted(changes, key=lambda change: ORDER.index(type(change)))), tuple(refusals))


def _refuse_shared_names(sets: set[str], expressions: Container[str], registered: Registered, prune: bool) -> None:
    """A set's name stands for all of its features where features are chosen, so no expression has it."""
    for name in sorted(sets):
        if name in expressions or (name in registered.expressions and not prune):
            raise InvalidDefinition(
                f"{name} is an expression, and a feature set of that name would stand in its place where features are chosen: give one of them another name."
            )


def type_refusal(feature: str, old: str, new: str) -> str:
    """Why a feature's type is not changed in place, and what to do instead."""
    return (
        f"Feature {feature} is {old} and is defined as {new}: in place a type is only widened "
        f"(integer to bigint or numeric, real to double precision, varchar to text). Add a feature of another name as {new}, "
        "backfill it, and drop this one."
    )


def _by_name(definitions: Iterable[D], what: str) -> dict[str, D]:
    named: dict[str, D] = {}
    for definition in definitions:
        if named.setdefault(definition.name, definition) != definition:
            raise InvalidDefinition(
                f"There are two definitions of {what} {definition.name}: keep one, or give the other a name of its own."
            )
    return named


def _refusals(old: FeatureSet, wanted: FeatureSet) -> Iterator[str]:
    if list(old.sql_keys.items()) != list(wanted.sql_keys.items()):
        yield (
            f"Feature set {old.name} has {_keys(old)} and is defined with {_keys(wanted)}: keys do not change. "
            "Define a set of another name with the new keys, fill it, and drop this one."
        )
    if _tracked(old) != _tracked(wanted):
        yield (
            f"Feature set {old.name} {_tracking(old)} and is defined as one that {_tracking(wanted)}: a set keeps its live table. "
            "Define a set of another name, or drop this one first."
        )
    registered = _features(old)
    for new in wanted.features:
        was = registered.get(new.name)
        if was is not None and was.sql_type != new.sql_type and not widens(was.sql_type, new.sql_type):
            yield type_refusal(f"{old.name}.{new.name}", was.sql_type, new.sql_type)


def _window_refusals(old: WindowSet, wanted: WindowSet) -> Iterator[str]:
    for what in ("events", "keys", "offset", "step"):
        if getattr(old, what) != getattr(wanted, what):
            yield (
                f"Window set {old.name} has other {what} than it is defined with: these do not change, since values that were read by them would not come out "
                "again. Define a set of another name, and drop this one."
            )


def _over_renamed(windows: WindowSet, names: dict[str, str]) -> WindowSet:
    """A window set over events of which columns have other names now."""
    from fsdb.expressions.parsing import rewritten  # with sqlglot

    features = [
        replace(
            one,
            column=one.column and names.get(one.column, one.column),
            where=None if one.where is None else rewritten(one.where, names),
        )
        for one in windows.computed
    ]
    keys = {key: names.get(column, column) for key, column in windows.keys.items()}
    return replace(windows, keys=keys, features=grouped(features))


def _differ(old: WindowSet, wanted: WindowSet) -> bool:
    """Whether two definitions of the same windows over the same events differ, features in whichever order."""
    described = [(one.description, one.tags, one.owner) for one in (old, wanted)]
    return described[0] != described[1] or set(old.computed) != set(wanted.computed)


def _followed(old: FeatureSet, wanted: FeatureSet, moved: Moved | None) -> tuple[FollowTable | None, FeatureSet]:
    """The change that takes over what the application renamed, where the definition names it so; and the set as it is then."""
    if moved is None or old.tracks is None or wanted.tracks is None:
        return None, old
    before, now = qualified(*table_of(old.tracks)), qualified(*table_of(wanted.tracks))
    after = now if now == moved.table else before
    named, kept = _features(wanted), _features(old)
    columns = tuple(
        (name, new)
        for name, new in moved.columns.items()
        if name in kept and name not in named and new in named and new not in kept
    )
    time = old.event_time
    if time is not None and wanted.event_time == moved.columns.get(time):
        time = wanted.event_time
    if after == before and not columns and time == old.event_time:
        return None, old
    renamed = dict(columns)
    features = [replace(feature, name=renamed.get(feature.name, feature.name)) for feature in old.features]
    change = FollowTable(old.name, before, after, (old.event_time, time), columns)
    return change, replace(old, tracks=after, event_time=time, features=features)


def _set_changes(old: FeatureSet, wanted: FeatureSet) -> Iterator[Change]:
    registered, named = _features(old), _features(wanted)
    for new in wanted.features:
        was = registered.get(new.name)
        if was is None:
            yield AddFeature(old.name, new)
            continue
        if was.__dict__ == new.__dict__ and new.default is None:
            continue
        if was.sql_type != new.sql_type:
            yield WidenFeature(old.name, new.name, was.sql_type, new.sql_type)
            was = replace(was, type=new.sql_type)
        if _described(was) != _described(new) or not same_default(was, new):
            yield AlterFeature(old.name, was, new)
    for feature in old.features:
        if feature.name not in named:
            yield DropFeature(old.name, feature)
    if SetAttributes.of(old) != SetAttributes.of(wanted):
        yield AlterFeatureSet(old.name, SetAttributes.of(old), SetAttributes.of(wanted))


def _view_changes(old: dict[str, TrainingView], wanted: dict[str, TrainingView]) -> Iterator[Change]:
    for name, view in wanted.items():
        if name not in old:
            yield CreateTrainingView(view)
        elif old[name] != view:
            yield AlterTrainingView(old[name], view)


def _schedule_changes(old: dict[str, Schedule], wanted: dict[str, Schedule]) -> Iterator[Change]:
    """Each after those that it is declared to come after. Raises InvalidDefinition where they are a circle."""
    waits = {name: one.after for name, one in {**old, **wanted}.items()}
    for name in ordered(waits):
        if (found := circle(waits, name)) is not None:
            raise InvalidDefinition(
                f"Schedule {name} would wait for itself: {' waits for '.join(found)}. Take one of them out."
            )
        if name in wanted and name not in old:
            yield CreateSchedule(wanted[name])
        elif name in wanted and old[name] != wanted[name]:
            yield AlterSchedule(old[name], wanted[name])


def _dropped_schedules(old: dict[str, Schedule], wanted: dict[str, Schedule]) -> Iterator[Change]:
    """Those that come after others before these."""
    left = {name: one.after for name, one in old.items() if name not in wanted}
    return (DropSchedule(old[name]) for name in reversed(ordered(left)))


def _whole_sets(
    views: dict[str, TrainingView],
    registered: Registered,
    sets: dict[str, FeatureSet],
    windows: dict[str, WindowSet],
) -> dict[str, TrainingView]:
    """The views with the features that "set.*" and "set" stand for once the sets are as they are defined."""
    features = {name: [f.name for f in one.features] for name, one in registered.sets.items()}
    features |= {name: [f.name for f in one.computed] for name, one in registered.windows.items()}
    defined = {name: [f.name for f in one.features] for name, one in sets.items()}
    defined |= {name: [f.name for f in one.computed] for name, one in windows.items()}
    for name, named in defined.items():
        # New features come after those that a set has.
        kept = [feature for feature in features.get(name, []) if feature in named]
        features[name] = kept + [feature for feature in named if feature not in kept]
    whole = {}
    for name, view in views.items():
        each = _each(view, features)
        old = registered.views.get(name)
        # Whoever names a whole set leaves the order to the database.
        same = old is not None and each != view.features and sorted(old.features) == sorted(each)
        whole[name] = replace(view, features=old.features if same and old is not None else each)
    return whole


def _each(view: TrainingView, features: dict[str, list[str]]) -> tuple[str, ...]:
    found = [(reference, chosen(reference, features)) for reference in view.features]
    return tuple(
        name
        for reference, one in found
        for name in ([reference] if one is None else [f"{one[0]}.{feature}" for feature in one[1]])
    )


def _described(feature: Feature) -> tuple[object, ...]:
    return feature.name, feature.type, feature.description, feature.tags, feature.owner


def _features(definition: FeatureSet) -> dict[str, Feature]:
    return {feature.name: feature for feature in definition.features}


def _keys(definition: FeatureSet) -> str:
    return "the keys (" + ", ".join(f"{name} {kind}" for name, kind in definition.sql_keys.items()) + ")"


def _tracked(definition: FeatureSet) -> tuple[str | None, str | None]:
    if definition.tracks is None:
        return None, None
    schema, _, table = definition.tracks.rpartition(".")
    return qualified(schema or "public", table), definition.event_time


def _tracking(definition: FeatureSet) -> str:
    table, event_time = _tracked(definition)
    if table is None:
        return "has a live table of its own"
    return f"tracks {table}" + (f" by its column {event_time}" if event_time else "")
