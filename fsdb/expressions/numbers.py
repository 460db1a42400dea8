"""Arithmetic as PostgreSQL does it: IEEE's results, and an error where a number leaves the range of its type."""

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Any

import numpy as np

from fsdb.expressions.kinds import FLOATS, INTEGERS
from fsdb.expressions.literals import BITS
from fsdb.expressions.values import NUMPY, Array, Mask, OutOfRange, Values, each

_EXACT = Context(prec=200_000, Emax=999_999, Emin=-999_999, traps=[Inexact, Overflow])
_CHUNK = 2**62


def out_of_range(kind: str) -> OutOfRange:
    """A number leaves the range of its type."""
    return OutOfRange(f"gives a number that {kind} does not hold")


def arithmetic(operator: str, left: Values, right: Values) -> Values:
    """Two numbers of one type, of the rows where both are there."""
    rows = left.valid & right.valid
    if left.type in FLOATS:
        return Values(_floats(operator, left.data, right.data, rows, left.type), rows, left.type)
    if left.type in INTEGERS:
        return Values(_integers(operator, left.data, right.data, rows, left.type), rows, left.type)
    function = {"add": _EXACT.add, "subtract": _EXACT.subtract, "multiply": _EXACT.multiply}[operator]
    return Values(each(_decimal(function), rows, Decimal(0), left.data, right.data), rows, left.type)


def divide(left: Values, right: Values) -> Values:
    """A quotient of floating-point numbers; NULL where the divisor is 0."""
    rows = left.valid & right.valid & (right.data != 0)
    divisor = np.where(rows, right.data, right.data.dtype.type(1))
    with np.errstate(all="ignore"):
        result = np.where(rows, left.data, left.data.dtype.type(0)) / divisor
    lost = (result == 0) & (left.data != 0) & ~np.isinf(divisor)
    if np.any(rows & ((np.isinf(result) & ~np.isinf(left.data)) | lost)):
        raise out_of_range(left.type)
    return Values(result, rows, left.type)


def whole(operator: str, left: Values, right: Values) -> Values:
    """Division of integers towards zero, and what is left of it; NULL where the divisor is 0."""
    rows = left.valid & right.valid & (right.data != 0)
    a = np.where(rows, left.data, 0).astype(np.int64)
    b = np.where(rows, right.data, 1).astype(np.int64)
    negated = b == -1
    quotient, rest = np.divmod(a, np.where(negated, 1, b))
    quotient += (rest != 0) & ((a < 0) != (b < 0))
    if operator == "mod":
        result = np.where(negated, 0, np.fmod(a, np.where(negated, 1, b)))
    else:
        least = -(2 ** BITS[left.type])
        if np.any(rows & negated & (a == least)):
            raise out_of_range(left.type)
        result = np.where(negated, -np.where(a == least, 0, a), quotient)
    return Values(result.astype(NUMPY[left.type]), rows, left.type)


def negate(value: Values) -> Values:
    """The other sign."""
    if value.type in INTEGERS:
        zero = Values(np.zeros_like(value.data), value.valid, value.type)
        return arithmetic("subtract", zero, value)
    if value.type in FLOATS:
        return Values(-value.data, value.valid, value.type)
    return Values(each(_decimal(_EXACT.minus), value.valid, Decimal(0), value.data), value.valid, value.type)


def absolute(value: Values) -> Values:
    """The size of a number."""
    if value.type in INTEGERS:
        if np.any(value.valid & (value.data == -(2 ** BITS[value.type]))):
            raise out_of_range(value.type)
        return Values(np.abs(value.data), value.valid, value.type)
    if value.type in FLOATS:
        return Values(np.abs(value.data), value.valid, value.type)
    return Values(each(_decimal(_EXACT.abs), value.valid, Decimal(0), value.data), value.valid, value.type)


def sign(value: Values) -> Values:
    """-1, 0 or 1; of a double that is NaN 0, of a numeric NaN."""
    if value.type == "numeric":
        return Values(each(_sign, value.valid, Decimal(0), value.data), value.valid, value.type)
    result = (value.data > 0).astype(np.float64) - (value.data < 0).astype(np.float64)
    return Values(result, value.valid, value.type)


def rounded(operator: str, value: Values) -> Values:
    """floor, ceil and trunc."""
    if value.type == "numeric":
        way = {"floor": ROUND_FLOOR, "ceil": ROUND_CEILING, "trunc": ROUND_DOWN}[operator]
        return Values(
            each(lambda one: _to_places(one, 0, way), value.valid, Decimal(0), value.data), value.valid, "numeric"
        )
    function: Callable[[Array], Array] = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}[operator]
    return Values(function(value.data), value.valid, value.type)


def to_digits(value: Values, places: int) -> Values:
    """A numeric rounded, halves away from zero."""
    function = lambda one: _to_places(one, places, ROUND_HALF_UP)  # noqa: E731
    return Values(each(function, value.valid, Decimal(0), value.data), value.valid, "numeric")


def root(value: Values) -> Values:
    """The square root, correctly rounded."""
    if np.any(value.valid & (value.data < 0)):
        raise OutOfRange("takes the square root of a negative number; write sqrt(greatest(x, 0))")
    with np.errstate(all="ignore"):
        return Values(np.sqrt(value.data), value.valid, value.type)


def _floats(operator: str, a: Array, b: Array, rows: Mask, kind: str) -> Array:
    with np.errstate(all="ignore"):
        result: Array = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}[operator](a, b)
    wrong = np.isinf(result) & ~np.isinf(a) & ~np.isinf(b)
    if operator == "multiply":
        wrong |= (result == 0) & (a != 0) & (b != 0)
    if np.any(wrong & rows):
        raise out_of_range(kind)
    return result


def _integers(operator: str, a: Array, b: Array, rows: Mask, kind: str) -> Array:
    x, y = a.astype(np.int64), b.astype(np.int64)
    with np.errstate(all="ignore"):
        result: Array = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}[operator](x, y)
        estimate = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}[operator](
            x.astype(float), y.astype(float)
        )
    limit = 2 ** BITS[kind]
    if kind == "bigint":
        # Numbers that wrapped around are far from what they should be; near the border Python's own count.
        unsure = rows & (np.abs(estimate) >= _CHUNK)
        exact = {"add": int.__add__, "subtract": int.__sub__, "multiply": int.__mul__}[operator]
        wrong = any(not -limit <= exact(int(x[at]), int(y[at])) < limit for at in np.flatnonzero(unsure))
    else:
        wrong = bool(np.any(rows & ((result < -limit) | (result >= limit))))
    if wrong:
        raise out_of_range(kind)
    return result.astype(NUMPY[kind])


def _decimal(function: Callable[..., Decimal]) -> Callable[..., Decimal]:
    def exact(*given: Decimal) -> Decimal:
        try:
            result = function(*given)
        except (Inexact, Overflow) as error:
            raise out_of_range("numeric") from error
        except InvalidOperation:
            return Decimal("NaN")
        return result if result else abs(result)

    return exact


def _sign(value: Decimal) -> Decimal:
    return value if value.is_nan() else Decimal((value > 0) - (value < 0))


def _to_places(value: Decimal, places: int, way: str) -> Decimal:
    if not value.is_finite():
        return value
    context: Any = Context(prec=200_000, Emax=999_999, Emin=-999_999)
    result = value.quantize(Decimal(1).scaleb(-places, context), rounding=way, context=context)
    return result if result else abs(result)
