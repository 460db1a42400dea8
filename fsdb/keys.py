"""The keys of entities as users give them, to vectors and deletes: checked by name and type before anything is asked of the database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Integral
from typing import Any
from uuid import UUID

from fsdb.errors import InvalidData, UnknownName
from fsdb.listing import listed
from fsdb.types import base_name

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Key:
    """A key that entities are named by: its type where it is compared, and a set that has it."""

    name: str
    type: str
    feature_set: str


def comparison_type(kind: str) -> str:
    """The type that values for a key of type `kind` are bound as: compares exactly, and no value of its kind overflows it."""
    base = base_name(kind)
    if base in ("smallint", "integer", "bigint"):
        return "bigint"
    return "text" if base == "character varying" else base


def key_values(given: Mapping[str, Any], keys: Sequence[Key]) -> list[Any]:
    """The values for `keys`, in their order.

    Raises UnknownName for a name that is no key, InvalidData for a key without value or with one of a wrong type.
    """
    values = []
    for key in keys:
        value = given.get(key.name)
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            what = "has no value" if key.name in given else "is missing"
            raise InvalidData(f"Key {key.name!r} of {key.feature_set} {what}: give one of type {key.type}.")
        values.append(_TAKEN[comparison_type(key.type)](value, key))
    if len(given) > len({key.name for key in keys}):
        names = sorted({key.name for key in keys})
        unknown = next(name for name in given if name not in names)
        owners = listed(sorted({key.feature_set for key in keys}))
        raise UnknownName(f"{unknown!r} is not a key of {owners}: the keys are {', '.join(names)}.")
    return values


def _integer(value: Any, key: Key) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _wrong(value, key, "an integer")
    number = int(value)
    if not _SMALLEST <= number <= _LARGEST:
        raise _wrong(value, key, "an integer of 64 bits")
    return number


def _text(value: Any, key: Key) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _wrong(value, key, "a text")
    return str(value)


def _uuid(value: Any, key: Key) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(bytes=value) if isinstance(value, bytes) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise _wrong(value, key, "a UUID") from None


def _date(value: Any, key: Key) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise _wrong(value, key, "a date")
    return value


def _boolean(value: Any, key: Key) -> bool:
    if type(value).__name__ not in ("bool", "bool_"):
        raise _wrong(value, key, "true or false")
    return bool(value)


def _moment(value: Any, key: Key) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _wrong(value, key, "a datetime with a time zone")
    if getattr(value, "nanosecond", 0):
        raise _wrong(value, key, "a datetime without nanoseconds")
    return value


def _wrong(value: Any, key: Key, wanted: str) -> InvalidData:
    return InvalidData(
        f"Key {key.name!r} of {key.feature_set} takes {wanted}; {value!r} is of type {type(value).__name__}."
    )


_TAKEN: dict[str, Callable[[Any, Key], Any]] = {
    "bigint": _integer,
    "text": _text,
    "uuid": _uuid,
    "date": _date,
    "boolean": _boolean,
    "timestamp with time zone": _moment,
}
