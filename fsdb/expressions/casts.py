"""Values in another type, as PostgreSQL casts them."""

import math
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from fsdb.expressions.kinds import FLOATS, INTEGERS
from fsdb.expressions.literals import BITS, single
from fsdb.expressions.numbers import out_of_range
from fsdb.expressions.values import FOREVER_DAYS, NUMPY, OutOfRange, Values, each

_FIRST = date(1970, 1, 1)


def cast(value: Values, kind: str) -> Values:
    """The values in a type that the translation lets them be cast to."""
    if value.type == kind:
        return value
    if kind == "text":
        return Values(each(_TEXT[value.type], value.valid, "", value.data), value.valid, kind)
    if kind == "numeric":
        return Values(each(lambda one: Decimal(int(one)), value.valid, Decimal(0), value.data), value.valid, kind)
    if kind == "boolean":
        return Values(value.data != 0, value.valid, kind)
    if kind in INTEGERS:
        return _integer(value, kind)
    if kind in FLOATS:
        return _float(value, kind)
    raise ValueError(f"no cast from {value.type} to {kind}")


def _integer(value: Values, kind: str) -> Values:
    limit = 2 ** BITS[kind]
    if value.type == "numeric":
        found = each(lambda one: _whole(one, limit, kind), value.valid, 0, value.data)
        return Values(found.astype(NUMPY[kind]), value.valid, kind)
    data = value.data
    if value.type in FLOATS:
        data = np.rint(data)
        fits = (data >= -limit) & (data < limit)  # NaN does not
    elif value.type == "boolean":
        fits = np.ones(len(data), bool)
    else:
        data = data.astype(np.int64)
        fits = (data >= -limit) & (data <= limit - 1)
    if np.any(value.valid & ~fits):
        raise out_of_range(kind)
    return Values(np.where(value.valid & fits, data, 0).astype(NUMPY[kind]), value.valid, kind)


def _float(value: Values, kind: str) -> Values:
    if value.type == "numeric":
        found = each(lambda one: _nearest(one, kind), value.valid, 0.0, value.data)
        return Values(found.astype(NUMPY[kind]), value.valid, kind)
    with np.errstate(all="ignore"):
        result = value.data.astype(NUMPY[kind])
    if value.type == "double precision":
        wrong = (np.isinf(result) & ~np.isinf(value.data)) | ((result == 0) & (value.data != 0))
        if np.any(wrong & value.valid):
            raise out_of_range(kind)
    return Values(result, value.valid, kind)


def _whole(value: Decimal, limit: int, kind: str) -> int:
    if not value.is_finite() or (abs(value.adjusted()) > 100 and value.adjusted() > 0):
        raise out_of_range(kind)
    found = int(value.to_integral_value(ROUND_HALF_UP))
    if not -limit <= found < limit:
        raise out_of_range(kind)
    return found


def _nearest(value: Decimal, kind: str) -> float:
    if not value.is_finite():
        return float(value)
    found = float(value) if kind == "double precision" else single(Fraction(value))
    if math.isinf(found) or (found == 0 and value != 0):
        raise out_of_range(kind)
    return found


def _day(given: Any) -> str:
    days = int(given)
    if abs(days) >= FOREVER_DAYS:
        return "infinity" if days > 0 else "-infinity"
    try:
        return (_FIRST + timedelta(days)).isoformat()
    except OverflowError as error:
        raise OutOfRange("writes a date outside of the years 1 to 9999 as text") from error


_TEXT = {
    **dict.fromkeys(INTEGERS, lambda one: str(int(one))),
    "boolean": lambda one: "true" if one else "false",
    "date": _day,
}
