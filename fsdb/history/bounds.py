"""The times that an event may have: what every engine can hold, with room after the last for what must come later.

PostgreSQL has times until 294276 and from 4713 BC on. Python's and Spark's end with the year 9999 and begin with the year 1, whatever
the time zone, and a row dated at the very end could be neither changed nor deleted: each change is a microsecond later at least.
"""

from datetime import UTC, datetime, timedelta

from psycopg.sql import SQL, Composable, Composed, Literal

from fsdb.definitions import duration_text

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(
    9999, 12, 31, tzinfo=UTC
)  # the first moment that nobody may name: a day is left for what fsdb writes after one before
WORDS = "0001-01-02 to 9999-12-30 (UTC)"


def parts(ahead: timedelta | None = None) -> dict[str, Composable]:
    """The bounds as SQL: the earliest time, and the first moment that is too late. ahead: how far ahead of the clock an event of the set may lie.

    As PostgreSQL's constants they cost nothing when a statement runs. Only where a set declares `ahead` is the clock asked.
    It is the clock of that moment, not of the transaction: what fsdb itself dates by the clock is never ahead of it.
    """
    latest: Composable = SQL("timestamptz '9999-12-31 00:00:00+00'")
    if ahead is not None:
        latest = SQL("(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) {})").format(
            interval(ahead + timedelta(microseconds=1))
        )
    return {"earliest": SQL("timestamptz '0001-01-02 00:00:00+00'"), "latest": latest}


def words(ahead: timedelta | None = None) -> str:
    """The bounds as messages name them, after 'within'."""
    if ahead is None:
        return WORDS
    return f"{WORDS}, and at most {duration_text(ahead)} ahead of the server's clock"


def interval(duration: timedelta) -> Composed:
    """A duration as an SQL interval of seconds, which does not depend on the time zone as days do."""
    return SQL("{}::interval").format(Literal(f"{duration / timedelta(microseconds=1) / 1e6:.6f} seconds"))


def within(moment: datetime) -> bool:
    """Whether an event may have this time, an aware one."""
    try:
        return EARLIEST <= moment < LATEST
    except OverflowError:  # of a zone in which the moment is outside of Python's years
        return False
