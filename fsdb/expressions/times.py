"""Dates and moments: days, microseconds, and their parts in UTC. The years count as PostgreSQL's, without a year 0."""

from decimal import Decimal
from fractions import Fraction

import numpy as np

from fsdb.expressions.kinds import MOMENT
from fsdb.expressions.numbers import arithmetic
from fsdb.expressions.values import FOREVER, FOREVER_DAYS, Array, Mask, OutOfRange, Values, each

_DAY, _HOUR, _MINUTE = 86_400_000_000, 3_600_000_000, 60_000_000
_FIRST_DAY, _AFTER_LAST_DAY = -2_440_588, 2_145_042_906
_FIRST_MOMENT = -210_866_803_200_000_000
_EXACT = 2**53


def infinite(value: Values) -> Mask:
    """Where a date or moment is one of the infinite ones."""
    return np.asarray(np.abs(value.data) >= (FOREVER_DAYS if value.type == "date" else FOREVER))


def days_between(left: Values, right: Values) -> Values:
    """Days from one date to another."""
    rows = left.valid & right.valid
    if np.any(rows & (infinite(left) | infinite(right))):
        raise OutOfRange("subtracts an infinite date")
    return Values(np.where(rows, left.data - right.data, 0).astype(np.int32), rows, "integer")


def add_days(operator: str, day: Values, count: Values) -> Values:
    """A date so many days later or earlier; an infinite one stays."""
    rows = day.valid & count.valid
    moved = count.data.astype(np.int64) * (1 if operator == "add" else -1)
    stays = infinite(day)
    result = np.where(stays, day.data, day.data + moved)
    if np.any(rows & ~stays & ((result < _FIRST_DAY) | (result >= _AFTER_LAST_DAY))):
        raise OutOfRange("gives a date that PostgreSQL does not hold")
    return Values(result, rows, "date")


def shift(moment: Values, length: int) -> Values:
    """A moment so many microseconds later; an infinite one stays."""
    stays = infinite(moment)
    with np.errstate(all="ignore"):
        result = np.where(stays, moment.data, moment.data + np.int64(length))
    wrapped = (result < moment.data) if length > 0 else (result > moment.data)
    if np.any(moment.valid & ~stays & (wrapped | (result < _FIRST_MOMENT))):
        raise OutOfRange("gives a moment that PostgreSQL does not hold")
    return Values(result, moment.valid, MOMENT)


def to_date(moment: Values) -> Values:
    """The day in UTC of a moment."""
    result = np.where(infinite(moment), np.sign(moment.data) * FOREVER_DAYS, moment.data // _DAY)
    return Values(result, moment.valid, "date")


def part(field: str, value: Values) -> tuple[Array, Mask, Mask]:
    """A part as integers, where there is one, and where it is infinite (of a year alone; the other parts are then NULL)."""
    endless = infinite(value)
    micros = np.where(endless, 0, value.data)
    days = micros if value.type == "date" else micros // _DAY
    of_day = micros - days * _DAY
    if field in ("hour", "minute"):
        found = of_day // _HOUR if field == "hour" else of_day % _HOUR // _MINUTE
    elif field in ("dow", "isodow"):
        found = (days + 4) % 7 if field == "dow" else (days + 3) % 7 + 1
    else:
        dates = days.astype("datetime64[D]")
        months = dates.astype("datetime64[M]")
        years = dates.astype("datetime64[Y]")
        found = {
            "year": _without_zero(years.astype(np.int64) + 1970),
            "month": months.astype(np.int64) % 12 + 1,
            "day": (dates - months.astype("datetime64[D]")).astype(np.int64) + 1,
            "doy": (dates - years.astype("datetime64[D]")).astype(np.int64) + 1,
        }[field]
    there = value.valid if field == "year" else value.valid & ~endless
    return found, there, there & endless


def extract(field: str, value: Values) -> Values:
    """A part as a numeric."""
    found, there, endless = part(field, value)
    data = each(lambda one: Decimal(int(one)), there & ~endless, Decimal(0), found)
    for at in np.flatnonzero(endless):
        data[at] = Decimal("Infinity") if value.data[at] > 0 else Decimal("-Infinity")
    return Values(data, there, "numeric")


def epoch(moment: Values) -> Values:
    """Seconds since 1970 as a numeric of six digits."""
    return Values(each(_seconds, moment.valid, Decimal(0), moment.data), moment.valid, "numeric")


def seconds_between(left: Values, right: Values) -> Values:
    """Seconds between two moments as a numeric of six digits."""
    return arithmetic("subtract", epoch(left), epoch(right))


def epoch_double(moment: Values) -> Values:
    """The same as a double precision, rounded once."""
    return Values(_doubles(moment.data, infinite(moment)), moment.valid, "double precision")


def seconds_between_double(left: Values, right: Values) -> Values:
    """The same as a double precision, rounded once."""
    rows = left.valid & right.valid
    endless = infinite(left) | infinite(right)
    a, b = np.where(endless | ~rows, 0, left.data), np.where(endless | ~rows, 0, right.data)
    wide = (np.abs(a) >= FOREVER // 2) | (np.abs(b) >= FOREVER // 2)
    result = _doubles(np.where(wide, 0, a) - np.where(wide, 0, b), np.zeros(len(a), bool))
    for at in np.flatnonzero(wide):
        result[at] = float(Fraction(int(a[at]) - int(b[at]), 10**6))
    with np.errstate(all="ignore"):
        ends = [np.where(infinite(one), np.where(one.data > 0, np.inf, -np.inf), 0.0) for one in (left, right)]
        return Values(np.where(endless, ends[0] - ends[1], result), rows, "double precision")


def _doubles(micros: Array, endless: Mask) -> Array:
    result: Array = np.where(endless, np.where(micros > 0, np.inf, -np.inf), micros / 1e6)
    for at in np.flatnonzero(~endless & (np.abs(micros) > _EXACT)):
        result[at] = float(Fraction(int(micros[at]), 10**6))
    return result


def _seconds(micros: int) -> Decimal:
    if abs(int(micros)) >= FOREVER:
        return Decimal("Infinity") if micros > 0 else Decimal("-Infinity")
    return Decimal(int(micros)).scaleb(-6)


def _without_zero(years: Array) -> Array:
    return np.where(years <= 0, years - 1, years)
