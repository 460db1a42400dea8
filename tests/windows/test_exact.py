"""Exact numbers of doubles in PostgreSQL, and their one rounding, against fractions."""

import math
import random
import struct
from decimal import Decimal
from fractions import Fraction

import psycopg
import pytest

from tests.windows.oracle import bits, rounded

ENDS = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    2.2250738585072014e-308,
    1.0,
    0.1,
    1e16,
]
ENDS += [
    sign * 2.0**power * (1 + nudge) for power in range(-1022, 1024, 31) for sign in (1, -1) for nudge in (0, 2**-52)
]
ENDS += [2.3e-16, 9.2e18, 9.3e18, 2.0**63, 2.0**-52, 2.0**-53, 1 - 2.0**-53]


@pytest.fixture(scope="module")
def doubles() -> list[float]:
    """Doubles of every size."""
    draw = random.Random(3)
    any_bits = [struct.unpack("d", struct.pack("Q", draw.getrandbits(64)))[0] for _ in range(1500)]
    usual = [draw.uniform(-1e6, 1e6) for _ in range(500)]
    return [value for value in [*ENDS, *any_bits, *usual] if math.isfinite(value)]


def test_the_number_that_a_double_is(connection: psycopg.Connection, doubles: list[float]) -> None:
    found = connection.execute(
        "SELECT fsdb.exact(x), fsdb.nearest(fsdb.exact(x)) FROM unnest(%s::float8[]) x", [doubles]
    )
    for value, (number, back) in zip(doubles, found, strict=True):
        assert Fraction(number) == Fraction(value)
        assert bits(back) == bits(value + 0.0)


def test_no_numbers_stay_what_they_are(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "SELECT fsdb.exact('NaN'), fsdb.exact('Infinity'), fsdb.exact('-Infinity'), fsdb.exact(NULL), fsdb.nearest(NULL)"
    ).fetchone()
    assert row is not None
    assert [str(value) for value in row] == ["NaN", "Infinity", "-Infinity", "None", "None"]


def test_sums_are_rounded_once(connection: psycopg.Connection, doubles: list[float]) -> None:
    draw = random.Random(4)
    for _ in range(80):
        some = draw.sample(doubles, draw.randrange(1, 20))
        row = connection.execute(
            "SELECT fsdb.nearest(sum(fsdb.exact(x))) FROM unnest(%s::float8[]) x", [some]
        ).fetchone()
        assert row is not None
        assert bits(row[0]) == bits(rounded(sum(map(Fraction, some), Fraction())))


def test_numbers_between_doubles(connection: psycopg.Connection) -> None:
    """Halves go to the even one; beyond the greatest lies an infinity, below the least 0."""
    greatest = Fraction(1.7976931348623157e308)
    half, least = Fraction(2) ** 970, Fraction(2) ** -1074
    numbers = [
        greatest + half,
        greatest + half - 1,
        -greatest - half,
        least / 2,
        least / 2 + least / 8,
        -least / 2,
        3 * least / 2,
    ]
    numbers += [Fraction(2**53 + 1), Fraction(2**53 + 3), Fraction(2**53 + 1) + least]
    for number in numbers:
        written = (Decimal(number.numerator), number.denominator.bit_length() - 1)
        row = connection.execute(
            "SELECT fsdb.nearest(%s::numeric * trunc(5::numeric ^ %s) * ('1e-' || %s)::numeric)", [*written, written[1]]
        ).fetchone()
        assert row is not None
        assert bits(row[0]) == bits(rounded(number))


def test_quotients_below_the_least_double_are_0(connection: psycopg.Connection, doubles: list[float]) -> None:
    by = [1.0, 2.0, 3.0, 7.0, 1e6, 9e18]
    found = connection.execute(
        "SELECT x, y, fsdb.quotient(x, y) FROM unnest(%s::float8[]) x, unnest(%s::float8[]) y",
        [[*doubles[:400], 1e-320, 5e-324, 1e-315], by],
    )
    for x, y, quotient in found:
        assert bits(quotient + 0.0) == bits(x / y + 0.0)
