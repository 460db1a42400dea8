"""The times that an event may have: what every engine can hold, with room after the last for what must come later.

PostgreSQL has times until 294276 and from 4713 BC on. Python's and Spark's end with the year 9999 and begin with the year 1, whatever
the time zone, and a row dated at the very end could be neither changed nor deleted: each change is a microsecond later at least.
"""

from datetime import UTC, datetime

from psycopg.sql import SQL, Composable

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(
    9999, 12, 31, tzinfo=UTC
)  # the first moment that nobody may name: a day is left for what fsdb writes after one before
WORDS = "0001-01-02 to 9999-12-30 (UTC)"

# As PostgreSQL's constants: they cost nothing when a statement runs.
PARTS: dict[str, Composable] = {
    "earliest": SQL("timestamptz '0001-01-02 00:00:00+00'"),
    "latest": SQL("timestamptz '9999-12-31 00:00:00+00'"),
}


def within(moment: datetime) -> bool:
    """Whether an event may have this time, an aware one."""
    try:
        return EARLIEST <= moment < LATEST
    except OverflowError:  # of a zone in which the moment is outside of Python's years
        return False
