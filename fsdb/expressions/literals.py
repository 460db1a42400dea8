"""Constants as they are written, in one form for each value: what PostgreSQL reads and Python, to the same value."""

import math
import re
import struct
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from fsdb.expressions.kinds import FLOATS, INTEGERS, MOMENT, UNKNOWN
from fsdb.expressions.tree import Constant

BITS = {"smallint": 15, "integer": 31, "bigint": 63}
MOST_DIGITS = 1_000  # of a number, on either side of its point
_NUMBER = re.compile(r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)\s*", re.ASCII)
_SPECIAL = {
    "nan": "NaN",
    **dict.fromkeys(("infinity", "inf", "+infinity", "+inf"), "Infinity"),
    **dict.fromkeys(("-infinity", "-inf"), "-Infinity"),
}
_TRUTHS = {**dict.fromkeys(("true", "t", "1"), "true"), **dict.fromkeys(("false", "f", "0"), "false")}
_PART = re.compile(r"([+-]?\d+)\s*(microseconds?|milliseconds?|seconds?|minutes?|hours?)", re.ASCII | re.IGNORECASE)
_UNITS = {"microsecond": 1, "millisecond": 1_000, "second": 10**6, "minute": 60 * 10**6, "hour": 3_600 * 10**6}
_LONGEST = 90 * 24 * 3_600 * 10**6


def number(text: str) -> Constant:
    """A number without quotes: integer or bigint where it has neither point nor exponent and fits, else numeric, as PostgreSQL reads it.

    ValueError says what to do instead.
    """
    if re.fullmatch(r"\d+", text, re.ASCII):
        for kind in ("integer", "bigint"):
            if int(text) < 2 ** BITS[kind]:
                return Constant(str(int(text)), kind)
    return Constant(_decimal(text), "numeric")


def constant(text: str | None, kind: str) -> Constant:
    """A text in quotes, or NULL, in a type. ValueError says what to do instead."""
    if kind == UNKNOWN or text is None:
        return Constant(text, kind)
    if kind in FLOATS:
        return Constant(_special(text) or _floating(text, kind), kind)
    if kind == "numeric":
        return Constant(_decimal(text), kind)
    if kind in INTEGERS:
        if not re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII):
            raise ValueError("write an integer in decimal digits")
        if not -(2 ** BITS[kind]) <= int(text) < 2 ** BITS[kind]:
            raise ValueError(f"{kind} does not hold it")
        return Constant(str(int(text)), kind)
    if kind == "boolean":
        if text.strip().lower() not in _TRUTHS:
            raise ValueError("write true or false")
        return Constant(_TRUTHS[text.strip().lower()], kind)
    if kind in ("date", MOMENT):
        return Constant(_time(text, kind), kind)
    return Constant(text, kind)


def single(value: Fraction) -> float:
    """The float32 nearest to a number, rounded once: by way of a float64 it would be rounded twice. Infinity beyond the range."""
    sign, size = (-1 if value < 0 else 1), abs(value)
    if not size:
        return 0.0
    exponent = max(_exponent(size) - 23, -149)
    steps = round(size / Fraction(2) ** exponent)  # halves go to even
    rounded = steps * Fraction(2) ** exponent
    return sign * (math.inf if rounded >= 2**128 else float(rounded))


def microseconds(text: str) -> int:
    """The length of an interval of fixed units. ValueError says what to do instead."""
    length, at, rest = 0, 0, text.strip()
    for part in _PART.finditer(rest):
        if rest[at : part.start()].strip():
            break
        length += int(part[1]) * _UNITS[part[2].lower().removesuffix("s")]
        at = part.end()
    if not at or rest[at:].strip():
        raise ValueError(
            "days and months are longer or shorter by zone and date: write hours, minutes or seconds, such as '24 hours'"
        )
    if abs(length) > _LONGEST:
        raise ValueError("90 days, '2160 hours', are the longest")
    return length


def _exponent(size: Fraction) -> int:
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    return exponent - 1 if size < Fraction(2) ** exponent else exponent


def _special(text: str) -> str | None:
    return _SPECIAL.get(text.strip().lower())


def _floating(text: str, kind: str) -> str:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError("write a number, 'NaN' or 'Infinity'")
    digits = _decimal(found[1])
    value = float(digits) if kind == "double precision" else single(Fraction(digits))
    if math.isinf(value) or (value == 0 and Decimal(digits) != 0):
        raise ValueError(f"{kind} does not hold it")
    if value == 0 and found[1].startswith("-"):
        value = -0.0
    if kind == "real":
        value = struct.unpack("f", struct.pack("f", value))[0]
    return repr(value)


def _decimal(text: str) -> str:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError("write a number in decimal digits")
    try:
        value = Decimal(found[1])
    except InvalidOperation as error:
        raise ValueError("write a number in decimal digits") from error
    exponent = value.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or len(found[1]) > MOST_DIGITS
        or abs(exponent) > MOST_DIGITS
        or abs(value.adjusted()) > MOST_DIGITS
    ):
        raise ValueError(f"{MOST_DIGITS:,} digits on either side of the point are the most")
    return format(value if value else abs(value), "f")


def _time(text: str, kind: str) -> str:
    try:
        if kind == "date":
            return date.fromisoformat(text.strip()).isoformat()
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError("write it as 2024-05-31" + ("" if kind == "date" else " 12:00:00+00")) from error
    if moment.tzinfo is None:
        raise ValueError("it has no zone, and the session's would be taken: write 2024-05-31 12:00:00+00")
    return moment.astimezone(UTC).isoformat(" ")
