"""Values at which engines differ, for each type: NULL, NaN, infinities, both zeros, extremes, and what lies beside a tie."""

import random
from collections.abc import Mapping
from itertools import product

from fsdb.expressions.kinds import MOMENT

Row = tuple[str | None, ...]
MOST = 160  # rows of a check
_INTEGERS = ("0", "1", "-1", "2", "-2", "3", "7", "10", "-10", "100")
EDGES: Mapping[str, tuple[str | None, ...]] = {
    "smallint": (None, *_INTEGERS, "32767", "-32768", "-32767"),
    "integer": (None, *_INTEGERS, "32768", "2147483647", "-2147483648", "-2147483647"),
    "bigint": (None, *_INTEGERS, "9007199254740993", "9223372036854775807", "-9223372036854775808", "4294967296"),
    "real": (
        *(None, "0", "-0", "1", "-1", "0.5", "-0.5", "1.5", "2.5", "0.1", "16777217", "NaN", "Infinity", "-Infinity"),
        *("3.4028235e38", "-3.4028235e38", "1e-45", "1e-30"),
    ),
    "double precision": (
        *(None, "0", "-0", "1", "-1", "0.5", "-0.5", "1.5", "2.5", "-2.5", "0.1", "2.675", "100", "NaN", "Infinity"),
        *("-Infinity", "9007199254740993", "0.49999999999999994", "1e16", "2147483648.5", "1e-200", "1e200"),
        *("1.7976931348623157e308", "-1.7976931348623157e308", "5e-324"),
    ),
    "numeric": (
        *(None, "0", "0.00", "1", "-1", "0.5", "-0.5", "1.5", "2.5", "-2.5", "0.10", "100", "1e30", "NaN"),
        *("123456789012345678901234567890.123456789", "-0.000001", "Infinity", "-Infinity"),
    ),
    "boolean": (None, "true", "false"),
    "text": (
        None,
        "",
        " ",
        "a",
        "A",
        "b",
        "ab",
        "Zebra",
        "é",
        "ß",
        "İ",
        "中",
        "😀",
        "a'b\\",
        "%",
        "ok",
        "10",
        "9",
        "NaN",
    ),
    "date": (
        None,
        "1970-01-01",
        "2000-02-29",
        "1900-03-01",
        "0001-01-01",
        "9999-12-31",
        "2024-12-31",
        "infinity",
        "-infinity",
    ),
    MOMENT: (
        *(None, "1970-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "2000-02-29 12:34:56.789012+00"),
        *("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-03-31 01:30:00+00", "infinity", "-infinity"),
    ),
}


def edge_rows(inputs: Mapping[str, str]) -> list[Row]:
    """Rows of edge values, one value for each input: all of them where they are few, else a choice that is the same each time."""
    pools = [EDGES[kind] for kind in inputs.values()]
    count = 1
    for pool in pools:
        count *= len(pool)
    if count <= MOST:
        return list(product(*pools))
    chance = random.Random(0)
    shared = list(dict.fromkeys(value for pool in pools for value in pool))
    rows: list[Row] = [tuple(pool[at % len(pool)] for pool in pools) for at in range(max(len(pool) for pool in pools))]
    # Ties: the same value in all inputs that have it.
    rows += [tuple(value if value in pool else chance.choice(pool) for pool in pools) for value in shared]
    while len(rows) < MOST:
        rows.append(tuple(chance.choice(pool) for pool in pools))
    return rows
