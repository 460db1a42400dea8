"""Numbers of any Arrow type as PostgreSQL's: exact, or the nearest, and never silently another."""

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.asof.description import plain_type
from fsdb.exchange.types import arrow_type
from fsdb.exchange.wanted import Wanted, first_of

_LIMITS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_MOST_FLOAT32 = 3.4028235677973366e38  # what rounds to infinity


def float64(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Numbers, or texts of digits, as the nearest float64: what Python's float() gives, and PostgreSQL's cast.

    Arrow's own way from decimals rounds twice.
    """
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())
    return column.cast(pa.float64(), safe=False)


def as_whole(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    """Whole numbers within the range of the type that is wanted."""
    kind = plain_type(wanted.kind)
    limit = _LIMITS[kind]
    target = arrow_type(wanted.kind)
    of = array.type
    if pa.types.is_integer(of):
        try:
            return array.cast(target)
        except pa.ArrowInvalid:
            pass
    elif pa.types.is_floating(of):
        numbers = array.cast(pa.float64())
        if wanted.items:  # pandas has no other nothing in an array of numbers
            numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
        inside = pc.and_(pc.greater_equal(numbers, float(-limit)), pc.less(numbers, float(limit)))
        whole = pc.and_(inside, pc.equal(numbers, pc.floor(numbers)))
        if pc.all(whole).as_py() is not False:
            return numbers.cast(target)
    elif digits:
        try:
            return array.cast(target)
        except pa.ArrowInvalid:  # "1.0", or out of range
            pass
    elif not pa.types.is_decimal(of):
        raise wanted.unfit()
    values = [None if v is None else _whole(v) for v in _texts(array)]
    for row, value in enumerate(values):
        if value is None and array[row].is_valid:
            raise wanted.refused(
                array, row, f"which is not a whole number, as {wanted.kind} needs: round such numbers first"
            )
        if value is not None and not -limit <= value < limit:
            raise wanted.refused(array, row, f"which is out of range of {wanted.kind}: correct it, or widen the column")
    return pa.array(values, target)


def _texts(array: pa.Array) -> list[str | None]:
    texts: list[str | None] = (array if pa.types.is_string(array.type) else array.cast(pa.string())).to_pylist()
    return texts


def _whole(text: str) -> int | None:
    """The whole number that digits say; None for any other."""
    mantissa, _, exponent = text.lower().partition("e")
    before, _, after = mantissa.partition(".")
    try:
        shift = int(exponent or 0)
        if shift > 400:
            return 10**400  # beyond every type
        kept = after.ljust(shift, "0")[:shift] if shift > 0 else ""
        rest = after[shift:] if shift > 0 else after
        number = int(before + kept)
        if shift < 0:
            number, remainder = divmod(number, 10**-shift) if shift > -400 else (0, number)
            return None if remainder or rest.strip("0") else number
    except ValueError:
        return None
    return None if rest.strip("0") else number


def as_real(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    """The nearest real or double precision."""
    target = arrow_type(wanted.kind)
    if array.type == target:
        return array
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string())
    elif not digits and not pa.types.is_integer(array.type) and not pa.types.is_floating(array.type):
        raise wanted.unfit()
    made = array.cast(target, safe=False)
    row = first_of(pc.and_(pc.is_inf(made), pc.invert(_infinite(array))))
    if row is not None:
        raise wanted.refused(array, row, f"which is out of range of {wanted.kind}: correct it, or widen the column")
    return made


def _infinite(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type):
        return pc.is_inf(array)
    if pa.types.is_string(array.type):
        return pc.match_substring_regex(array, "(?i)^[+-]?inf(inity)?$")
    return pc.and_(array.is_valid(), pa.scalar(False))


def as_numeric(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    """All digits, as text or, where Arrow has one for the type, as a decimal."""
    of = array.type
    target = arrow_type(wanted.kind)
    if of == target and (digits or not pa.types.is_string(of)):
        return array
    if not (digits or pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_decimal(of)):
        raise wanted.unfit()
    if pa.types.is_string(target):
        return array.cast(pa.string())
    try:
        return array.cast(target)
    except pa.ArrowInvalid:
        for row in range(len(array)):
            try:
                array.slice(row, 1).cast(target)
            except pa.ArrowInvalid:
                raise wanted.refused(array, row, f"which does not fit {wanted.kind}: round it first") from None
        raise


def as_boolean(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    """Booleans; numbers that are 0 or 1, as pandas has booleans with gaps."""
    if pa.types.is_boolean(array.type):
        return array
    if digits or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise wanted.unfit()
    row = first_of(pc.invert(pc.is_in(array, pa.array([0, 1, None], array.type))))
    if row is not None:
        raise wanted.refused(array, row, "which is not a boolean: give true and false, or 1 and 0")
    return pc.equal(array, pa.scalar(1, array.type))
