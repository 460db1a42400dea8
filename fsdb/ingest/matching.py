"""Which columns of the data are a set's keys, features and event time, and how they become the set's types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Identifier

from fsdb.asof import Column
from fsdb.asof.description import plain_type
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData, UnknownName
from fsdb.exchange.timezones import Zone, local_time
from fsdb.listing import listed
from fsdb.types import base_name, type_sql

FILE = "ingest/ingest"
NOTHING = "unknown"  # PostgreSQL's type of a bare NULL: a column of a query without any value
INSTANT, LOCAL = "timestamp with time zone", "timestamp without time zone"
_WHOLE = ("smallint", "integer", "bigint")
_NUMBERS = (*_WHOLE, "numeric", "real", "double precision")
_TEXTS = ("text", "character varying")
_WHOLE_ARRAYS = tuple(f"{kind}[]" for kind in _WHOLE)
_NUMBER_ARRAYS = tuple(f"{kind}[]" for kind in _NUMBERS)
# What a column of each type may be given as; what a plain assignment of PostgreSQL does not convert is cast.
_ACCEPTED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_NUMBERS, _NUMBERS),
    "boolean": ("boolean",),
    **dict.fromkeys(_TEXTS, (*_TEXTS, "uuid")),
    "date": ("date",),
    INSTANT: (INSTANT, LOCAL),
    "uuid": ("uuid", *_TEXTS),
    "real[]": _NUMBER_ARRAYS,
    "double precision[]": _NUMBER_ARRAYS,
    "integer[]": _WHOLE_ARRAYS,
    "bigint[]": _WHOLE_ARRAYS,
    "boolean[]": ("boolean[]",),
    "text[]": ("text[]", "character varying[]"),
    "bytea": ("bytea",),
    "jsonb": ("jsonb", "json", *_TEXTS),
}


@dataclass(frozen=True)
class Matched:
    """A column of the set that the data gives: its type there and here, and the expression that converts it."""

    name: str
    type: str
    given_type: str
    value: Composable

    @property
    def must_be_whole(self) -> bool:
        """Whether the values are numbers that may have fractions, for a column that takes none."""
        return plain_type(self.type) in _WHOLE and plain_type(self.given_type) not in _WHOLE


@dataclass(frozen=True)
class Matching:
    """Keys in the set's order, the features that the data gives, the event time (None: the clock), and the features it lacks."""

    keys: tuple[Matched, ...]
    features: tuple[Matched, ...]
    event_time: Matched | None
    lacking: tuple[str, ...]


def wanted_types(registered: RegisteredSet, names: Sequence[str], event_time: str | None) -> dict[str, str]:
    """The types that the columns of data are wanted in, by name: a numeric with all its digits, which the set's own type rounds.

    Raises UnknownName for columns that the set has not.
    """
    time_column = _time_column(registered, names, event_time)
    kinds = {**{feature.name: feature.type for feature in registered.features}, **registered.keys}
    if time_column is not None:
        kinds[time_column] = INSTANT
    unknown = [name for name in names if name not in kinds]
    if unknown:
        raise UnknownName(
            f"Feature set {registered.name} has no {_listed(unknown)}: leave such columns out of the data, or add features of these names. "
            f"It has the keys {_listed(registered.keys)} and the features {_listed([f.name for f in registered.features])}."
        )
    return {name: "numeric" if base_name(kinds[name]) == "numeric" else kinds[name] for name in names}


def match(registered: RegisteredSet, columns: Sequence[Column], event_time: str | None, zone: Zone | None) -> Matching:
    """Binds the data's columns to the set's by name; `event_time` names the column that holds it, else "event_time" does.

    Raises UnknownName for columns that the set has not, InvalidData for missing keys and for types that do not fit.
    """
    given = {column.name: column.type for column in columns}
    wanted_types(registered, list(given), event_time)
    time_column = _time_column(registered, list(given), event_time)
    features = {feature.name: feature.type for feature in registered.features}
    missing = [key for key in registered.keys if key not in given]
    if missing:
        raise InvalidData(
            f"The data has no column for the key {_listed(missing)} of {registered.name}: it is needed to tell rows apart."
        )
    present = {name: kind for name, kind in features.items() if name in given}
    if not present:
        raise InvalidData(f"The data has no feature of {registered.name}: it has {_listed(features)}.")
    return Matching(
        tuple(_matched(registered, name, kind, given[name], zone) for name, kind in registered.keys.items()),
        tuple(_matched(registered, name, kind, given[name], zone) for name, kind in present.items()),
        None if time_column is None else _matched(registered, time_column, INSTANT, given[time_column], zone),
        tuple(name for name in features if name not in given),
    )


def _time_column(registered: RegisteredSet, given: Sequence[str], event_time: str | None) -> str | None:
    if event_time is not None and event_time not in given:
        raise UnknownName(
            f"The data has no column {event_time!r}, which you named as the event time: it has {_listed(given)}."
        )
    own = registered.event_time_column or "event_time"
    chosen = event_time or ("event_time" if "event_time" in given else own if own in given else None)
    if chosen is not None and registered.event_time_rule is not None:
        raise InvalidData(
            f"Feature set {registered.name} is declared with event_time={registered.event_time_rule!r}, so that the clock alone counts: leave the column {chosen!r} out of the data, or leave event_time= out of the definition."
        )
    if chosen is not None and registered.event_time_column is None:
        raise InvalidData(
            f"Feature set {registered.name} tracks a table without an event time, so the clock counts: leave the column {chosen!r} out of the data, or track the table with event_time=."
        )
    return chosen


def _matched(registered: RegisteredSet, name: str, kind: str, given: str, zone: Zone | None) -> Matched:
    plain = plain_type(given)
    wanted = base_name(kind)
    value: Composable = Identifier("given", name)
    if plain == NOTHING:
        return Matched(name, kind, kind, SQL("NULL"))
    if plain not in _ACCEPTED[wanted]:
        raise InvalidData(
            f"Column {name!r} of the data is of type {given}, but {registered.name} keeps it as {kind}: convert it first."
        )
    if plain == LOCAL:
        if zone is None:
            raise InvalidData(
                f"The times of column {name!r} are naive: give their time zone with timezone='UTC' or timezone='America/New_York'."
            )
        value = local_time(value, zone)
    elif plain != wanted and wanted in ("uuid", "jsonb"):
        value = SQL("{}::{}").format(value, type_sql(wanted))
    return Matched(name, kind, given, value)


def _listed(names: Sequence[str] | Mapping[str, str]) -> str:
    return listed([repr(name) for name in names])
