"""Feature sets, their features, and training views as users declare them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from fsdb.arguments import checked_definition
from fsdb.errors import InvalidDefinition
from fsdb.page import MOST_BYTES, RowSize
from fsdb.types import KEY_TYPES, TypeLike, base_name, sql_type

NAME = re.compile(r"[a-z_][a-z0-9_]{0,49}")
# PostgreSQL's tables and views end at 1,600 columns; the view <set>_history has seven besides keys and features.
MOST_FEATURES = 1590
MOST_COLUMNS = 1593
# Columns of history tables, of their views, and of vectors: no key or feature may bear them.
RESERVED = frozenset(
    {"version_id", "event_time", "recorded_at", "deleted", "xid", "valid_from", "valid_to", "found"}
    | {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
)
OWN_SCHEMAS = frozenset({"information_schema", "fsdb", "fsdb_history", "fsdb_training", "fsdb_models", "fsdb_iceberg"})
_UNITS = {
    "microsecond": "microseconds",
    "millisecond": "milliseconds",
    "second": "seconds",
    "sec": "seconds",
    "minute": "minutes",
    "min": "minutes",
    "hour": "hours",
    "day": "days",
    "week": "weeks",
}
# What event_time= of a set that fsdb makes may say, and what then becomes of one that an INSERT or UPDATE names.
CLOCK_RULES = ("clock", "clock only")
_ENDLESS = {
    "max_age": "values never age",
    "retention": "every version stays in PostgreSQL",
    "width": "nothing is to be counted",
    "offset": "windows end at the moment itself",
    "step": "windows begin at any moment",
    "lookback": "each slot reads from the end of the one before",
}
# The longest that ahead= may be: the clock and it together stay within the times that events may have.
MOST_AHEAD = timedelta(days=365_000)


def checked_name(name: str, what: str) -> str:
    """Returns the name if it is valid for a new set, feature or view. Raises InvalidDefinition otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidDefinition(
            f"{name!r} cannot name a {what}: use 1 to 50 lower-case letters, digits and underscores, not beginning with a digit."
        )
    return name


def checked_schema(name: str, what: str) -> str:
    """Returns the name of a schema if users may have tables in it. Raises InvalidDefinition for PostgreSQL's own schemas and fsdb's."""
    if name.startswith("pg_") or name in OWN_SCHEMAS:
        raise InvalidDefinition(
            f"A {what} cannot be in schema {name}, which is not for users' tables: choose another schema."
        )
    return name


def tags_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """The tags as a tuple; a text is one tag, not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def fixed_duration(given: str | timedelta | None, owner: str, what: str = "max_age") -> timedelta | None:
    """A duration of fixed length, from a timedelta or a text such as '6 hours' or '1 day 12 hours'.

    owner and what name it in errors: what="max_age" of owner="airport_weather".

    Months and years are refused (InvalidDefinition), because their length depends on the date.
    """
    if given is None or isinstance(given, timedelta):
        duration = given
    else:
        parts = re.findall(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", given.lower())
        units = [_UNITS.get(unit, _UNITS.get(unit.removesuffix("s"))) for _, unit in parts]
        if not parts or None in units or "".join(n + u for n, u in parts) != re.sub(r"\s", "", given.lower()):
            raise InvalidDefinition(
                f"{what} {given!r} of {owner} is not a fixed duration: write it in weeks, days, hours, minutes or seconds, such as '6 hours'."
            )
        duration = sum(
            (timedelta(**{str(unit): float(n)}) for (n, _), unit in zip(parts, units, strict=True)), timedelta()
        )
    if duration is not None and what == "ahead":
        return _ahead(duration, owner)
    if duration is not None and duration <= timedelta():
        raise InvalidDefinition(f"{what} of {owner} must be longer than zero; leave it out where {_ENDLESS[what]}.")
    return duration


def _ahead(duration: timedelta, owner: str) -> timedelta:
    """The duration itself, where an event may lie that far ahead. Zero is one: no event then lies ahead."""
    if not timedelta() <= duration <= MOST_AHEAD:
        raise InvalidDefinition(
            f"ahead of {owner} must be between zero and {MOST_AHEAD.days:,} days; leave it out if events may lie any time ahead."
        )
    return duration


def duration_text(duration: timedelta) -> str:
    """A fixed duration in words that definitions read back exactly: '1 day 12 hours'."""
    seconds, parts = duration.seconds, []
    amounts = {
        "day": duration.days,
        "hour": seconds // 3600,
        "minute": seconds // 60 % 60,
        "second": seconds % 60,
        "microsecond": duration.microseconds,
    }
    for unit, amount in amounts.items():
        if amount:
            parts.append(f"{amount} {unit}{'' if amount == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


@checked_definition
@dataclass(frozen=True)
class Feature:
    """One feature of a set. `type` is an SQLAlchemy type or PostgreSQL's name of one.

    `default` takes the place of NULL wherever the feature is read as of a time, in training and in serving.
    """

    name: str
    type: TypeLike
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""
    default: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", sql_type(self.type, f"feature {self.name!r}"))
        object.__setattr__(self, "tags", tags_of(self.tags))

    @property
    def sql_type(self) -> str:
        """PostgreSQL's name of the type."""
        return str(self.type)


@checked_definition
@dataclass(frozen=True)
class FeatureSet:
    """Keys, features and `event_time`: one live table and one history table.

    Args:
        name: "set" (in schema public) or "schema.set".
        keys: The key columns with their types, in order.
        features: The features, in order.
        max_age: How old a value may be when it is read as of a time, such as "6 hours". Older ones are NULL.
        description: What the set describes.
        tags: Words to find it by.
        owner: Who is responsible.
        tracks: "table" or "schema.table" of an existing table that becomes the live table. Its columns stay as they are. Keys and
            features name columns of it, which may have any name.
        event_time: Of a tracked table: its column with the event time; without it the clock counts. Of any other set: by default a writer
            may name event_time, and otherwise the clock counts. "clock" ignores a time that is named, as by an ORM that writes every
            column back. "clock only" refuses a time that differs from the row's.
        retention: Versions that were superseded longer ago than this may leave PostgreSQL once they are in the columnar copy
            (`fsdb retain`). Without it, none do.
        ahead: How far an event_time may lie ahead of the server's clock when it is written; zero is allowed. A later time is refused; in a
            tracked table the clock counts instead. Without it, any time within the years of PostgreSQL and Python is taken.
        happens: Of a table of events (`EventTable`): its column with the time at which each event happened. History goes by the clock.
    """

    name: str
    keys: Mapping[str, TypeLike]
    features: Sequence[Feature]
    max_age: timedelta | str | None = None
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""
    tracks: str | None = None
    event_time: str | None = None
    retention: timedelta | str | None = None
    ahead: timedelta | str | None = None
    happens: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.removeprefix("public."))
        for part in (self.schema, self.table_name):
            checked_name(part, "feature set")
        checked_schema(self.schema, "feature set")
        keys = {key: sql_type(kind, f"key {key!r} of {self.name}") for key, kind in dict(self.keys).items()}
        object.__setattr__(self, "keys", MappingProxyType(keys))
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "tags", tags_of(self.tags))
        object.__setattr__(self, "max_age", fixed_duration(self.max_age, self.name))
        object.__setattr__(self, "retention", fixed_duration(self.retention, self.name, "retention"))
        object.__setattr__(self, "ahead", fixed_duration(self.ahead, self.name, "ahead"))
        if self.tracks is None and self.event_time not in (None, *CLOCK_RULES):
            raise InvalidDefinition(
                f"event_time={self.event_time!r} of {self.name} names no rule: a set that tracks no table has a column event_time of its own. "
                "Leave it out, or write 'clock' or 'clock only' where the clock alone counts."
            )
        self._check_columns()
        if self.happens is not None:
            self._check_events(self.happens)

    @classmethod
    def split(
        cls, name: str, keys: Mapping[str, TypeLike], features: Iterable[Feature], **attributes: Any
    ) -> "list[FeatureSet]":
        """Makes sets `name`_1, `name`_2, … with the same keys, for more features than one table can hold.

        Each set takes as many features, in order, as a row has room for, whatever their values: 995 numbers beside one number as key.
        A feature stays in its set as long as you add new ones at the end. attributes: max_age, retention, ahead, description, tags and
        owner of every set.
        """
        types = [sql_type(kind, f"key {key!r} of {name}") for key, kind in keys.items()]
        parts: list[list[Feature]] = []
        size, most = RowSize(types), min(MOST_FEATURES, MOST_COLUMNS - len(keys))
        seen: set[str] = set()
        for feature in features:
            if feature.name in seen:
                raise InvalidDefinition(
                    f"{feature.name!r} appears twice in {name}: each feature needs a name of its own."
                )
            seen.add(feature.name)
            if not parts or len(parts[-1]) == most or size.add(feature.sql_type).bytes > MOST_BYTES:
                parts.append([])
                size = RowSize([*types, feature.sql_type])
            parts[-1].append(feature)
        if not parts:
            raise InvalidDefinition(f"{name} has no features: give at least one to split into sets.")
        return [cls(f"{name}_{number}", keys, part, **attributes) for number, part in enumerate(parts, start=1)]

    def _check_columns(self) -> None:
        if not self.keys:
            raise InvalidDefinition(
                f"Feature set {self.name} has no key: name the columns that identify an entity, such as keys={{'id': sa.BigInteger}}."
            )
        for key, kind in self.sql_keys.items():
            if base_name(kind) not in KEY_TYPES:
                raise InvalidDefinition(
                    f"Key {key!r} of {self.name} has the type {kind}, which has no exact equality: use an integer, text, uuid, date, boolean or timestamptz."
                )
        if not self.features:
            raise InvalidDefinition(f"Feature set {self.name} has no features: a set holds at least one.")
        most = min(MOST_FEATURES, MOST_COLUMNS - len(self.keys))
        if len(self.features) > most:
            raise InvalidDefinition(
                f"Feature set {self.name} has {len(self.features)} features; a PostgreSQL table has at most 1,600 columns. "
                f"Split it into sets with the same keys, of at most {most} features each: a training set joins them again. FeatureSet.split does it."
            )
        seen: set[str] = set()
        for name in [*self.keys, *(feature.name for feature in self.features)]:
            if self.tracks is None:
                checked_name(name, f"key or feature of {self.name}")
            if name == "*":
                raise InvalidDefinition(
                    f"'*' in {self.name} stands for all features where features are chosen: choose another name."
                )
            if name in RESERVED:
                raise InvalidDefinition(f"{name!r} in {self.name} is a name that history uses itself: choose another.")
            if name in seen:
                raise InvalidDefinition(
                    f"{name!r} appears twice in {self.name}: each key and feature needs a name of its own."
                )
            seen.add(name)

    def _check_events(self, happens: str) -> None:
        types = {feature.name: feature.sql_type for feature in self.features}
        if types.get(happens) != "timestamp with time zone":
            kind = f"is {types[happens]}" if happens in types else "is no column of it"
            raise InvalidDefinition(
                f"{happens!r}, by which the events of {self.name} happen, {kind}: name a column of type timestamptz."
            )
        if len(self.keys) != 1:
            raise InvalidDefinition(
                f"Event table {self.name} has {len(self.keys)} keys: an event has one id, the column that identifies it."
            )
        by_clock = self.event_time in CLOCK_RULES if self.tracks is None else self.event_time is None
        if not by_clock or self.max_age is not None:
            raise InvalidDefinition(
                f"History of event table {self.name} goes by the clock, whatever the time of an event: "
                + (
                    "leave max_age out."
                    if by_clock
                    else "leave event_time out."
                    if self.tracks
                    else "write event_time='clock'."
                )
            )

    @property
    def schema(self) -> str:
        """The schema of the set's views and functions, and of its live table where fsdb creates that."""
        return self.name.rpartition(".")[0] or "public"

    @property
    def table_name(self) -> str:
        """The set's name without schema."""
        return self.name.rpartition(".")[2]

    @property
    def references(self) -> tuple[str, ...]:
        """The features' full names, "set.feature", as training sets and vectors take them."""
        return tuple(f"{self.name}.{feature.name}" for feature in self.features)

    @property
    def sql_keys(self) -> Mapping[str, str]:
        """Key columns and PostgreSQL's names of their types, in order."""
        return {key: str(kind) for key, kind in self.keys.items()}


@checked_definition
@dataclass(frozen=True)
class TrainingView:
    """A stored definition of a training set: a spine query (the labelled rows), its timestamp column, a label and features.

    The spine's columns bind to the sets' keys by name. features: "set.feature". "set.*" and "set" are all features that the set has when
    the view is registered. Features that the set gets later join the view when the definitions are applied again.
    """

    name: str
    spine: str
    timestamp: str
    features: str | Sequence[str]
    label: str | None = None
    description: str = ""
    tags: str | Sequence[str] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.removeprefix("public."))
        for part in self.name.split(".", maxsplit=1):
            checked_name(part, "training view")
        checked_schema(self.name.rpartition(".")[0], "training view")
        object.__setattr__(self, "features", _listed(self.features, self.name))
        object.__setattr__(self, "tags", tags_of(self.tags))


def _listed(features: Iterable[str], owner: str) -> tuple[str, ...]:
    listed = (features,) if isinstance(features, str) else tuple(features)
    if not listed:
        raise InvalidDefinition(f"{owner} names no features: give at least one as 'set.feature'.")
    return listed
