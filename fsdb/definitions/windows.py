"""Windows as users declare them: which aggregates, of which column of events, over which lengths of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from fsdb.arguments import checked_definition
from fsdb.definitions.feature_sets import RESERVED, checked_name, checked_schema, duration_text, fixed_duration, tags_of
from fsdb.errors import InvalidDefinition
from fsdb.types import base_name

LONGEST = timedelta(days=90)
_NUMBERS = frozenset({"smallint", "integer", "bigint", "real", "double precision", "numeric"})
_ORDERED = _NUMBERS | {"date", "timestamp with time zone"}
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
# The types that a column may have for each function; None: any type.
FUNCTIONS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "count": None,
        "sum": _NUMBERS,
        "mean": _NUMBERS,
        "min": _ORDERED,
        "max": _ORDERED,
        "stddev": _NUMBERS,
        "first": None,
        "last": None,
    }
)


@dataclass(frozen=True)
class WindowFeature:
    """One feature of a window set: `function` of `column` over the events of the last `width` for which `where` is true."""

    name: str
    function: str
    column: str | None
    width: timedelta
    where: str | None

    @property
    def said(self) -> str:
        """What it is, in words: its description in the catalog."""
        what = f"{self.function} of {self.column}" if self.column else "count of events"
        return f"{what} over {duration_text(self.width)}" + (f" where {self.where}" if self.where else "")

    def type_of(self, column: str | None) -> str:
        """The feature's type, PostgreSQL's name of it, for a column of such a type. Raises InvalidDefinition where it has no such function."""
        if self.function == "count":
            return "bigint"
        assert column is not None
        kind = base_name(column)
        allowed = FUNCTIONS[self.function]
        if allowed is not None and kind not in allowed:
            raise InvalidDefinition(
                f"Feature {self.name} is the {self.function} of column {self.column!r}, which is {column}: that type has none. "
                f"Choose a column of type {', '.join(sorted(allowed))}."
            )
        if self.function in ("mean", "stddev"):
            return "double precision"
        if self.function == "sum":
            return "bigint" if kind in _INTEGERS else "numeric" if kind == "numeric" else "double precision"
        return column


@checked_definition
@dataclass(frozen=True)
class Window:
    """Aggregates of one column of an event table over windows of time, each a feature: `amount_sum_7_days`.

    Args:
        column: The column of the events. None counts events, and is for "count" alone.
        functions: One or several of count, sum, mean, min, max, stddev, first and last.
        widths: How far each window reaches back: one or several fixed durations of up to 90 days, such as "1 hour".
        where: An SQL condition over the events' columns; events for which it is not true do not count.
        name: What features' names begin with: the column's name where left out.
    """

    column: str | None
    functions: str | Sequence[str]
    widths: str | timedelta | Sequence[str | timedelta]
    where: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        named = (self.functions,) if isinstance(self.functions, str) else tuple(self.functions)
        given = (self.widths,) if isinstance(self.widths, str | timedelta) else tuple(self.widths)
        what = f"a window of {self.column or 'events'}"
        unknown = [function for function in named if function not in FUNCTIONS]
        if unknown or not named:
            raise InvalidDefinition(
                f"{unknown[0] if unknown else 'Nothing'!r} is no function of {what}: use {', '.join(FUNCTIONS)}."
            )
        if self.column is None and set(named) != {"count"}:
            raise InvalidDefinition(f"The {named[0]} of {what} needs a column; without one, events are counted.")
        if not given:
            raise InvalidDefinition(f"{what.capitalize()} has no width: give a fixed duration such as '7 days'.")
        object.__setattr__(self, "functions", named)
        object.__setattr__(self, "widths", tuple(_width(width, what) for width in given))
        if self.where is not None and not self.where.strip():
            raise InvalidDefinition(f"The condition of {what} is empty: leave where= out.")
        if self.name is not None:
            checked_name(self.name, "window")

    def features(self) -> Iterator[WindowFeature]:
        """The features in the order in which they come out: by function, and of each by width."""
        assert not isinstance(self.widths, timedelta)  # a tuple of them, by now
        for function in self.functions:
            for width in self.widths:
                assert isinstance(width, timedelta)
                name = "_".join(part for part in (self.name or self.column, function, _length(width)) if part)
                yield WindowFeature(name, function, self.column, width, self.where)


@checked_definition
@dataclass(frozen=True)
class WindowSet:
    """Features computed from the events of a table, over windows (t - offset - width, t - offset] of each key.

    Args:
        name: "set" (in schema public) or "schema.set".
        events: The event table.
        keys: Each key of the set, and the events' column that holds it.
        features: The windows.
        offset: How long before the moment asked for the windows end, such as "1 microsecond" to leave out what happens right then.
        step: Windows begin at multiples of this since 1970, at or before where they would: then a window changes at these moments alone.
        description: What the set describes.
        tags: Words to find it by.
        owner: Who is responsible.
    """

    name: str
    events: str
    keys: Mapping[str, str]
    features: Sequence[Window]
    offset: timedelta | str | None = None
    step: timedelta | str | None = None
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.removeprefix("public."))
        object.__setattr__(self, "events", self.events.removeprefix("public."))
        for part in self.name.split(".", maxsplit=1):
            checked_name(part, "window set")
        checked_schema(self.name.rpartition(".")[0], "window set")
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "tags", tags_of(self.tags))
        none = self.offset in ("0", timedelta())
        object.__setattr__(self, "offset", None if none else fixed_duration(self.offset, self.name, "offset"))
        object.__setattr__(self, "step", fixed_duration(self.step, self.name, "step"))
        if not self.keys:
            raise InvalidDefinition(
                f"Window set {self.name} has no key: name the column that says whose an event is, such as keys={{'card_id': 'card_id'}}."
            )
        if not self.features:
            raise InvalidDefinition(f"Window set {self.name} has no features: give at least one Window.")
        seen: set[str] = set()
        for name in [*self.keys, *(feature.name for feature in self.computed)]:
            checked_name(name, f"key or feature of {self.name}")
            if name in RESERVED:
                raise InvalidDefinition(f"{name!r} in {self.name} is a name that fsdb uses itself: choose another.")
            if name in seen:
                raise InvalidDefinition(
                    f"{name!r} stands twice in {self.name}: give one of the windows a name of its own with name=."
                )
            seen.add(name)

    @property
    def computed(self) -> tuple[WindowFeature, ...]:
        """All features, in order."""
        return tuple(feature for window in self.features for feature in window.features())


def grouped(features: Sequence[WindowFeature]) -> list[Window]:
    """Windows that give these features in this order, as few as that takes."""
    found: list[Window] = []
    for feature in features:
        joined = _joined(found[-1], feature) if found else None
        if joined is not None:
            found[-1] = joined
        else:
            found.append(_alone(feature))
    return found


def _alone(feature: WindowFeature) -> Window:
    ending = f"{feature.function}_{_length(feature.width)}"
    prefix = feature.name.removesuffix(ending).removesuffix("_")
    return Window(
        feature.column,
        feature.function,
        feature.width,
        feature.where,
        None if prefix == (feature.column or "") else prefix,
    )


def _joined(window: Window, feature: WindowFeature) -> Window | None:
    """The window with one feature more at its end; None where none has just these."""
    alone = _alone(feature)
    if (window.column, window.where, window.name) != (alone.column, alone.where, alone.name):
        return None
    wanted = [*window.features(), feature]
    functions = tuple(dict.fromkeys(one.function for one in wanted))
    widths = tuple(dict.fromkeys(one.width for one in wanted))
    wider = Window(window.column, functions, widths, window.where, window.name)
    return wider if list(wider.features()) == wanted else None


def _length(width: timedelta) -> str:
    return duration_text(width).replace(" ", "_")


def _width(given: str | timedelta, what: str) -> timedelta:
    width = fixed_duration(given, what, "width")
    assert isinstance(width, timedelta)
    if width > LONGEST:
        raise InvalidDefinition(
            f"{what.capitalize()} reaches back {duration_text(width)}: windows are of up to {LONGEST.days} days."
        )
    return width
