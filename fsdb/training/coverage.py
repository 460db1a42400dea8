"""How much of a spine each feature set has a version for, and what to say where that is nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.access.rows import hiding
from fsdb.asof import NOW, AsOf
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.protocol import Result
from fsdb.sql import query

FILE = "training/coverage"


@dataclass(frozen=True)
class SetCoverage:
    """For how many of the spine's rows a set has a version that holds at the row's moment and is not older than max_age.

    reason: where that is none, why, and what to do, in one sentence.
    """

    feature_set: str
    rows: int
    matched: int
    reason: str | None = None

    @property
    def share(self) -> float | None:
        """The matched rows' share, None for an empty spine."""
        return self.matched / self.rows if self.rows else None

    @property
    def sentence(self) -> str | None:
        """What is to be noticed; None where every row has a version."""
        if self.matched == self.rows:
            return None
        if not self.matched:
            return f"{self.feature_set} matched none of {self.rows:,} rows: {self.reason}"
        return (
            f"{self.feature_set} matched {self.matched:,} of {self.rows:,} rows ({_percent(self.matched, self.rows)})."
        )


def coverage(connection: Connection[Any], description: AsOf, result: Result) -> tuple[SetCoverage, ...]:
    """The coverage of each set, in the order of the description's reads; nothing where the engine did not count."""
    if result.matched is None:
        return ()
    rows = description.spine.row_count
    found = []
    for read, matched in zip(description.reads, result.matched, strict=True):
        reason = _reason(connection, description, result, read.feature_set) if rows and not matched else None
        found.append(SetCoverage(read.feature_set, rows, matched, reason))
    return tuple(found)


def sentences(covered: Sequence[SetCoverage]) -> list[str]:
    """What is to be noticed of the sets."""
    return [one.sentence for one in covered if one.sentence is not None]


def _percent(part: int, whole: int) -> str:
    """A share that is neither 0 nor 1, as it is to be read: never rounded to either."""
    share = 100 * part / whole
    return "under 1 %" if share < 1 else "over 99 %" if share > 99 else f"{share:.0f} %"


def _reason(connection: Connection[Any], description: AsOf, result: Result, feature_set: str) -> str:
    read = next(one for one in description.reads if one.feature_set == feature_set)
    history = Identifier(HISTORY_SCHEMA, read.history_table)
    latest = _latest(description, result)
    row = connection.execute(query(FILE, "earliest", history=history), {"latest": latest}).fetchone()
    earliest, is_later = row or (None, None)
    hidden = hiding(connection, [read.versions_of])
    if hidden is not None:
        return f"{hidden}, and of those that it sees none holds at these keys and moments."
    if read.windows is not None:
        return f"no event of {read.events} lies in its windows at these keys and moments."
    if earliest is None:
        return "it has no version in PostgreSQL. Ingest its rows, each with the event_time from which it holds."
    if is_later and latest is not None:
        return (
            f"its earliest version is of {earliest}, after the spine's latest {description.spine.timestamp}, {latest:%Y-%m-%d %H:%M:%S} UTC. "
            "Ingest what was true before it was written with the event_time from which it held; rows of a static table with one before all of the spine's."
        )
    reasons = ["the spine's keys have other values or earlier moments than its versions"]
    if read.max_age is not None:
        reasons.append(f"these are older than its max_age of {read.max_age}")
    if description.known != NOW:
        reasons.append("they were recorded later than known= allows")
    return f"its earliest version is of {earliest}, so {', or '.join(reasons)}."


def _latest(description: AsOf, result: Result) -> datetime | None:
    """The spine's latest moment, in UTC; None where Python's datetime does not reach it."""
    spine = description.spine
    place = [column.name for column in spine.columns].index(spine.timestamp)
    with spine.rows.to_reader() if spine.rows is not None else result.batches() as reader:
        latest = [pc.max(batch.column(place)).cast(pa.timestamp("us", "UTC")) for batch in reader if batch.num_rows]
    try:
        return max((moment.as_py() for moment in latest), default=None)
    except (OverflowError, ValueError):
        return None
