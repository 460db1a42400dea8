"""How fast a live table with history is written, against a bare table of the same columns and primary key.

Each round makes both anew and writes them by turns in one session, after a vacuum and a checkpoint. Values are medians of all rounds.

What is measured is: the first bulk update after the load; and single rows between two checkpoints. For this each row is updated twice,
and the second time is single_update, the first single_update_cold. After a checkpoint the first change of a page logs the whole page. On rows spread over the table, history
logs one page more than the bare table: the leaf of its index by key and time, which finds the version as of a moment. So the cold case has a target of its own. Bulk updates slow down somewhat as keys have more versions.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from bench.report import Case, at_least, at_most
from fsdb import db, history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet

ROWS = 200_000
FEATURES = [f"f{number}" for number in range(1, 21)]
ROUNDS = 5
CALLS = 400  # single-row updates of each table in a round, each of another row
BLOCK = 1 << 20
BULK = {"copy": 0.5, "bulk_update": 0.45}  # targets
SINGLE, COLD = 1.4, 1.6  # of single rows; see above why they differ
TABLES = ("bare", "live")
START = datetime(2024, 1, 1, tzinfo=UTC)


def run(url: str) -> Iterator[Case]:
    """The cases copy and bulk_update, in rows/s; single_update and single_update_cold, p50 in ms."""
    copies: dict[str, list[float]] = {table: [] for table in TABLES}
    updates: dict[str, list[float]] = {table: [] for table in TABLES}
    singles: dict[str, list[float]] = {table: [] for table in TABLES}
    colds: dict[str, list[float]] = {table: [] for table in TABLES}
    with psycopg.connect(url, autocommit=True) as connection:
        db.configure(connection)
        data = _data(connection)
        for turn in range(ROUNDS):
            order = TABLES if turn % 2 == 0 else TABLES[::-1]
            _make(connection)
            for table in order:
                _settle(connection, "bare", "live")
                copies[table].append(ROWS / _copied(connection, table, data))
            for table in order:
                _settle(connection, "bare", "live")
                updates[table].append(ROWS / _updated(connection, table))
            _settle(connection, "bare", "live")
            for again in (False, True):
                for number in range(CALLS):
                    for table in order:
                        taken = _updated_one(connection, table, number, START + timedelta(days=2 + again))
                        (singles if again else colds)[table].append(1000 * taken)
            _check(connection)
            _drop(connection)
    for case, speeds in (("copy", copies), ("bulk_update", updates)):
        value, baseline = statistics.median(speeds["live"]), statistics.median(speeds["bare"])
        yield at_least("write", case, value, unit="rows/s", baseline=baseline, target=BULK[case])
    for case, times, target in (("single_update", singles, SINGLE), ("single_update_cold", colds, COLD)):
        value, baseline = statistics.median(times["live"]), statistics.median(times["bare"])
        yield at_most("write", case, value, unit="ms", baseline=baseline, target=target)


def _data(connection: psycopg.Connection) -> list[bytes]:
    """The rows as COPY's text, in blocks."""
    numbers = SQL(", ").join([SQL("random()")] * len(FEATURES))
    text = SQL("COPY (SELECT i, {}, {}::timestamptz FROM generate_series(1, {}) i) TO STDOUT").format(
        numbers, START.isoformat(), ROWS
    )
    whole = BytesIO()
    with connection.cursor() as cursor, cursor.copy(text) as copy:
        for piece in copy:
            whole.write(piece)
    everything = whole.getvalue()
    return [everything[start : start + BLOCK] for start in range(0, len(everything), BLOCK)]


def _make(connection: psycopg.Connection) -> None:
    features = [Feature(name, "double precision") for name in FEATURES]
    with connection.transaction():
        history.create(connection, FeatureSet("live", keys={"k": "bigint"}, features=features))
        connection.execute("CREATE TABLE bare (LIKE live, PRIMARY KEY (k))")


def _drop(connection: psycopg.Connection) -> None:
    with connection.transaction():
        history.drop(connection, get_set(connection, "live"))
        connection.execute("DROP TABLE bare")


def _settle(connection: psycopg.Connection, *tables: str) -> None:
    """Leaves nothing to clean up or to write out for the measurement that follows."""
    for table in tables:
        connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(table)))
    connection.execute("VACUUM ANALYZE fsdb_history.live")
    connection.execute("CHECKPOINT")


def _copied(connection: psycopg.Connection, table: str, data: list[bytes]) -> float:
    """Seconds that COPY of all rows takes."""
    text = SQL("COPY {} FROM STDIN").format(Identifier(table))
    begin = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(text) as copy:
        for block in data:
            copy.write(block)
    return time.perf_counter() - begin


def _updated(connection: psycopg.Connection, table: str) -> float:
    """Seconds that one UPDATE of all rows takes."""
    update = _update(table, "{0} = {0} + 1")
    begin = time.perf_counter()
    connection.execute(update, {"event_time": START + timedelta(days=1)})
    return time.perf_counter() - begin


def _updated_one(connection: psycopg.Connection, table: str, number: int, event_time: datetime) -> float:
    """Seconds that a prepared UPDATE of one row takes, in a transaction of its own."""
    update = SQL("{} WHERE k = %(k)s").format(_update(table, "{0} = %(value)s"))
    arguments = {"k": 1 + number * (ROWS // CALLS), "value": float(number), "event_time": event_time}
    begin = time.perf_counter()
    connection.execute(update, arguments, prepare=True)
    return time.perf_counter() - begin


def _update(table: str, form: str) -> Composed:
    sets = SQL(", ").join(SQL(form).format(Identifier(name)) for name in FEATURES)
    return SQL("UPDATE {} SET {}, event_time = %(event_time)s").format(Identifier(table), sets)


def _check(connection: psycopg.Connection) -> None:
    """Both tables hold the same, and every change is a version: else the comparison says nothing."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM (TABLE live EXCEPT ALL TABLE bare) d), (SELECT count(*) FROM fsdb_history.live)"
    ).fetchone()
    if row != (0, 2 * (ROWS + CALLS)):
        raise AssertionError(f"the two tables or the number of versions are not what was written: {row}")
