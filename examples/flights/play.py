"""Plays the year through the live tables with the application's own SQL, in order of time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

from psycopg import Connection, sql

from .data import TEXTS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UPDATE_PLANES = sql.SQL(TEXTS["update_planes"]).format(arrivals=sql.SQL(TEXTS["arrivals"]))


@dataclass
class Scored:
    """What December's inserts returned: labels (None where the flight did not arrive), probabilities, seconds per insert."""

    labels: list[bool | None] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the inserts stayed within."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))] * 1000


def play_in_bulk(connection: Connection[Any], start: datetime, end: datetime, advance: Callable[[int], None]) -> int:
    """Weather as single rows, planes and carriers as one bulk statement an hour, one transaction a day; returns the rows written."""
    written, day = 0, start
    while day < end:
        rows = 0
        with connection.transaction(), connection.cursor() as cursor:
            period = {"after": day, "until": min(day + DAY, end)}
            observed = cursor.execute(TEXTS["observations"], period).fetchall()
            cursor.executemany(TEXTS["observe_weather"], observed)
            rows += len(observed)
            hour = day
            while hour < period["until"]:
                rows += cursor.execute(UPDATE_PLANES, {"after": hour, "until": hour + HOUR}).rowcount
                rows += cursor.execute(TEXTS["update_carriers"], {"until": hour + HOUR}).rowcount
                hour += HOUR
        written += rows
        advance(rows)
        day += DAY
    return written


def play_and_score(
    connection: Connection[Any], start: datetime, end: datetime, advance: Callable[[int], None]
) -> Scored:
    """Every event as a statement and a transaction of its own, in order of time; each departure is an insert that scores."""
    scored = Scored()
    cursor = connection.cursor()
    for _, _, statement, row in _events(connection, start, end):
        if statement != "score":
            cursor.execute(TEXTS[statement], row)
            continue
        *inputs, _, late = row
        before = time.perf_counter()
        result = cursor.execute(TEXTS["score"], inputs).fetchone()
        scored.seconds.append(time.perf_counter() - before)
        assert result is not None
        scored.labels.append(late)
        scored.probabilities.append(result[1])
        advance(1)
    return scored


def _events(connection: Connection[Any], start: datetime, end: datetime) -> Iterator[tuple[datetime, int, str, Any]]:
    """Observations, arrivals, hourly summaries and departures in order of time; at the same moment what is known comes first."""
    period = {"after": start, "until": end}
    observations = connection.execute(TEXTS["observations"], period).fetchall()
    departures = connection.execute(TEXTS["departures"], period).fetchall()
    arrivals = []
    hours = [start + n * HOUR for n in range(int((end - start) / HOUR))]
    for hour in hours:
        arrivals += connection.execute(TEXTS["arrivals"], {"after": hour, "until": hour + HOUR}).fetchall()
    arrivals.sort(key=lambda row: row[-1])
    return merge(
        ((row[-1], 0, "observe_weather", row) for row in observations),
        ((row[-1], 1, "update_plane", row) for row in arrivals),
        ((hour, 2, "update_carriers", {"until": hour}) for hour in hours),
        ((row[-2], 3, "score", row) for row in departures),
        key=lambda event: event[:2],
    )
