"""Time zones as users name them, and naive times as moments: one reading for frames, files and queries.

A local time that a change of clocks repeats or leaves out is read with the offset from before the change, as Python reads
`fold=0`: of two moments the earlier, and 02:30 on a night without it as 03:30. A datetime object with `fold=1` is read with the offset after it.
PostgreSQL is never given an offset as a zone's name: it would read the sign the other way round.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg.sql import Composable, Literal

from fsdb.errors import InvalidData, UnknownName
from fsdb.sql import query

FILE = "exchange/timezones"
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?", re.IGNORECASE)
_ZERO = ("utc", "gmt", "z", "zulu")
# PostgreSQL knows these as offsets that never change, everybody else as zones with summer time.
_TWO_MEANINGS = ("cet", "eet", "met", "wet")
_OF_A_MACHINE = ("localtime", "posixrules", "factory")
_HOUR = 3_600_000_000
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_800_000_000  # of Python's calendar, in microseconds from 1970
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Zone:
    """A time zone: `rules` tells the offset of a local time; `name` is what databases know it by, None for a fixed offset."""

    rules: tzinfo
    name: str | None

    def offset(self, local: datetime) -> int:
        """What a local time is ahead of UTC, in microseconds; its `fold` counts."""
        found = local.replace(tzinfo=self.rules).utcoffset()
        assert found is not None
        return found // _MICROSECOND

    def moment(self, local: datetime) -> int:
        """A local time as microseconds since 1970 UTC; its `fold` counts."""
        return (local.replace(tzinfo=None, fold=0) - _EPOCH) // _MICROSECOND - self.offset(local)


def zone_of(given: Any) -> Zone | None:
    """The zone that a caller names: "Europe/Berlin", "UTC", "+02:00", "UTC+2" (east of Greenwich), a ZoneInfo or a datetime.timezone.

    None stays None. Raises UnknownName.
    """
    if given is None:
        return None
    if isinstance(given, tzinfo):
        return _of_object(given)
    if not isinstance(given, str):
        raise UnknownName(
            f"timezone={given!r} is a {type(given).__name__}: name a zone as 'America/New_York', or an offset as '+02:00'."
        )
    text = given.strip()
    if text.lower() in _ZERO:
        return Zone(UTC, None)
    offset = _OFFSET.fullmatch(text)
    if offset:
        hours, minutes, seconds = (int(part or 0) for part in offset.groups()[1:])
        if hours > 15 or minutes > 59 or seconds > 59:
            raise UnknownName(f"There is no time zone {given!r}: offsets are from -15:59 to +15:59.")
        ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return Zone(timezone(-ahead if offset[1] == "-" else ahead), None)
    return _named(text, given)


def _named(text: str, given: Any) -> Zone:
    if text.lower() in _TWO_MEANINGS:
        raise UnknownName(
            f"The time zone {given!r} has summer time on some systems and none on others: name a place, such as 'Europe/Berlin', or an offset, such as '+01:00'."
        )
    try:
        if text.lower() not in _OF_A_MACHINE:
            return Zone(ZoneInfo(text), text)
    except (KeyError, ValueError, OSError):  # an unknown name, or one that is a path
        for name in available_timezones():
            if name.lower() == text.lower():
                return Zone(ZoneInfo(name), name)
    raise UnknownName(f"There is no time zone {given!r}: name one as 'America/New_York', or an offset as '+02:00'.")


def _of_object(given: tzinfo) -> Zone:
    name = getattr(given, "key", None) or getattr(given, "zone", None)  # of zoneinfo, of pytz
    if isinstance(name, str):
        return zone_of(name) or Zone(UTC, None)
    try:
        fixed = given.utcoffset(None)
    except (NotImplementedError, TypeError, AttributeError):
        fixed = None
    if fixed is None:
        raise UnknownName(
            f"The time zone {given!r} has no name that a database knows: give zoneinfo.ZoneInfo, or its name as 'America/New_York'."
        )
    return Zone(timezone(fixed), None)


def local_moments(values: pa.ChunkedArray, zone: Zone, name: str) -> pa.ChunkedArray:
    """Naive times, of type timestamp[us], as moments, of type timestamp[us, UTC]. `name` is the column's, for errors."""
    kind = pa.timestamp("us", "UTC")
    return pa.chunked_array([_moments(chunk, zone, name).cast(kind) for chunk in values.chunks], type=kind)


def _moments(chunk: pa.Array, zone: Zone, name: str) -> pa.Array:
    local = chunk.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if not len(local):
        return chunk.cast(pa.int64())
    if int(local.min()) < _FIRST or int(local.max()) >= _LAST:
        raise InvalidData(
            f"Column {name!r} has naive times before the year 1 or after 9999, for which the zone's offset is unknown: give times with a zone."
        )
    moments = local - _offsets(local, zone)
    return pa.array(moments, pa.int64(), mask=chunk.is_null().to_numpy(zero_copy_only=False))


def _offsets(local: NDArray[np.int64], zone: Zone) -> NDArray[np.int64]:
    """What each local time is ahead of UTC, in microseconds: asked for once an hour, and for each time of hours that have several."""
    hours, places = np.unique(local // _HOUR, return_inverse=True)
    ends = np.unique(np.concatenate([hours, hours + 1]))
    first, second = (np.array([zone.offset(_local(end * _HOUR, fold)) for end in ends.tolist()]) for fold in (0, 1))
    begin = np.searchsorted(ends, hours)
    several = (first[begin] != second[begin]) | (first[begin] != first[begin + 1]) | (first[begin] != second[begin + 1])
    result: NDArray[np.int64] = first[begin][places]
    for place in np.flatnonzero(several[places]).tolist():
        result[place] = zone.offset(_local(int(local[place])))
    return result


def _local(microseconds: int, fold: int = 0) -> datetime:
    return (_EPOCH + timedelta(microseconds=min(microseconds, _LAST - 1))).replace(fold=fold)


def local_time(value: Composable, zone: Zone) -> Composable:
    """The same in SQL: an expression of type timestamp as a moment."""
    if zone.name is None:
        return query(FILE, "at_offset", value=value, seconds=Literal(zone.offset(_EPOCH) / 1_000_000))
    return query(FILE, "in_zone", value=value, zone=Literal(zone.name))
