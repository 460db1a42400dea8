"""The operators of the tree by name: the one list that translation, SQL, Arrow and documents share.

A function that is not here does not exist for expressions: nothing volatile, nothing that reads a table or the session.
"""

from collections.abc import Mapping
from types import MappingProxyType

ARITHMETIC = ("add", "subtract", "multiply")
COMPARISONS = ("equal", "different", "less", "at_most", "greater", "at_least")
TESTS = ("is_null", "is_not_null", "is_true", "is_not_true", "is_false", "is_not_false")
LAZY = ("and", "or", "coalesce")  # what stands behind what decides is not computed

UNARY = (
    *(
        "negate",
        "abs",
        "sign",
        "floor",
        "ceil",
        "trunc",
        "sqrt",
        "not",
        "cast",
        "bytewise",
        "length",
        "upper",
        "lower",
        "utc",
        "epoch",
    ),
    *TESTS,
)
LISTS = ("and", "or", "coalesce", "greatest", "least", "in")  # of two and more, or of one


OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        "add": "a + b, and days added to a date",
        "subtract": "a - b, and the days between dates",
        "multiply": "a * b",
        "divide": "a / b of floating-point numbers; NULL where b is 0",
        "div": "the whole part of a / b of integers; NULL where b is 0",
        "mod": "what is left of it, with the sign of a; NULL where b is 0",
        "negate": "-a",
        "abs": "the size of a",
        "sign": "-1, 0 or 1",
        "floor": "the whole number below",
        "ceil": "the whole number above",
        "trunc": "the whole part",
        "round": "numeric a rounded to b digits, halves away from zero",
        "sqrt": "the square root",
        **dict.fromkeys(COMPARISONS, "a comparison; NaN is equal to NaN and above all numbers"),
        "distinct": "a IS DISTINCT FROM b",
        "not_distinct": "a IS NOT DISTINCT FROM b",
        "in": "whether a is one of the others",
        **dict.fromkeys(TESTS, "a test that is never NULL"),
        "and": "a AND b",
        "or": "a OR b",
        "not": "NOT a",
        "coalesce": "the first that is not NULL",
        "nullif": "a, or NULL where it is equal to b",
        "greatest": "the greatest that is not NULL",
        "least": "the least that is not NULL",
        "cast": "the value in the node's type",
        "bytewise": 'a text COLLATE "C"',
        "concat": "a || b",
        "length": "the number of characters",
        "upper": "with ASCII's letters in capitals",
        "lower": "with ASCII's letters in small",
        "starts_with": "whether text a begins with b",
        "strpos": "where b begins in text a, counted from 1; 0 where nowhere",
        "utc": "a moment as date and time of day in UTC",
        "extract": "the part that the first argument names, of a date or of a moment in UTC",
        "epoch": "seconds since 1970",
        "seconds_between": "seconds from the second moment to the first",
        "shift": "a moment, later by so many microseconds",
    }
)
