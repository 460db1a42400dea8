"""Windows that PostgreSQL computes, over live and history tables, against brute force, bit for bit."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

import fsdb
from fsdb.definitions.windows import Window
from fsdb.windows.reading import EventColumns, WindowRead, now, then
from tests.conftest import TestDatabase
from tests.windows.oracle import Event, bits, window
from tests.windows.pools import DOUBLES, INTEGERS, MINUTE, moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WIDTHS = {"1 minute": MINUTE, "5 minutes": 5 * MINUTE, "1 hour": 60 * MINUTE, "90 days": 90 * 1440 * MINUTE}
FUNCTIONS = ("count", "sum", "mean", "min", "max", "stddev", "first", "last")
COLUMNS = EventColumns(
    "id", "at", {"id": "bigint", "at": "timestamp with time zone", "x": "double precision", "n": "bigint"}
)


@pytest.fixture(scope="module")
def connection(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    with fsdb.connect(module_database.url) as store:
        payments = fsdb.FeatureSet(
            "payments",
            {"id": "bigint"},
            [
                fsdb.Feature("card", "bigint"),
                fsdb.Feature("at", "timestamptz"),
                fsdb.Feature("x", "double precision"),
                fsdb.Feature("n", "bigint"),
                fsdb.Feature("ok", "boolean"),
            ],
            event_time="clock",
        )
        store.apply([payments])
    with module_database.connect() as opened:
        yield opened


def time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def read(column: str, offset: int = 0, where: str | None = None) -> WindowRead:
    features = Window(column, FUNCTIONS, list(WIDTHS), where=where, name="w").features()
    return WindowRead(COLUMNS, ("card",), tuple(features), timedelta(microseconds=offset))


def computed(
    connection: psycopg.Connection, wanted: WindowRead, card: int, at: int, history: bool
) -> dict[tuple[str, str], Any]:
    """A window's features by function and width."""
    keys, moment_ = [SQL("{}::bigint").format(Literal(card))], SQL("{}::timestamptz").format(Literal(time(at)))
    if history:
        statement = then(wanted, Identifier("fsdb_history", "payments"), keys, moment_, SQL(""))
    else:
        statement = now(wanted, Identifier("payments"), keys, moment_)
    row = connection.execute(statement).fetchone()
    assert row is not None
    order = [(function, width) for function in FUNCTIONS for width in WIDTHS]
    return dict(zip(order, row, strict=True))


def written(connection: psycopg.Connection, events: list[Event], column: str) -> None:
    connection.execute("DELETE FROM payments")
    with connection.cursor().copy(
        SQL("COPY payments (id, card, at, {}, ok) FROM STDIN").format(Identifier(column))
    ) as copy:
        for event in events:
            copy.write_row((event.id, event.key, time(event.time), event.value, event.counted))


@pytest.mark.parametrize("pool", [*DOUBLES, "small"])
@pytest.mark.parametrize("history", [False, True], ids=["live", "history"])
def test_every_function_and_edge(connection: psycopg.Connection, pool: str, history: bool) -> None:
    draw = random.Random(f"{pool}{history}")
    values = DOUBLES.get(pool) or INTEGERS[pool]
    column = "n" if pool in INTEGERS else "x"
    events = [
        Event(draw.randrange(3), moment(draw, 90), number, values(draw), draw.random() < 0.8) for number in range(60)
    ]
    written(connection, events, column)
    # Corrected and deleted events: history has what they were as well.
    for number in draw.sample(range(60), 20):
        connection.execute("DELETE FROM payments WHERE id = %s", [number])
        events = [event for event in events if event.id != number]
        if number % 2:
            events.append(Event(draw.randrange(3), moment(draw, 90), number, values(draw), True))
            event = events[-1]
            connection.execute(
                SQL("INSERT INTO payments (id, card, at, {}, ok) VALUES (%s, %s, %s, %s, true)").format(
                    Identifier(column)
                ),
                [event.id, event.key, time(event.time), event.value],
            )
    offset = draw.choice([0, 1])
    for where in (None, "ok"):
        counted = [Event(e.key, e.time, e.id, e.value, where is None or e.counted) for e in events]
        for _ in range(6):
            card, at = draw.randrange(4), moment(draw, 90)
            found = computed(connection, read(column, offset, where), card, at, history)
            for width, length in WIDTHS.items():
                expected = window(counted, card, at, length, offset)
                assert {f: bits(found[f, width]) for f in FUNCTIONS} == {f: bits(expected[f]) for f in FUNCTIONS}


def test_what_a_reader_of_history_saw(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM payments")
    connection.execute("INSERT INTO payments (id, card, at, x) VALUES (1, 7, '2026-01-01', 1), (2, 7, '2026-01-01', 2)")
    (seen,) = connection.execute("SELECT max(version_id) FROM fsdb_history.payments").fetchone() or (0,)
    connection.execute("UPDATE payments SET x = 10 WHERE id = 1")
    connection.execute("DELETE FROM payments WHERE id = 2")
    connection.execute("INSERT INTO payments (id, card, at, x) VALUES (3, 7, '2026-01-01', 100)")
    wanted = WindowRead(COLUMNS, ("card",), tuple(Window("x", "sum", "1 day").features()))
    for condition, total in ((SQL(" AND version.version_id <= {}").format(Literal(seen)), 3), (SQL(""), 110)):
        row = connection.execute(
            then(
                wanted,
                Identifier("fsdb_history", "payments"),
                [SQL("7::bigint")],
                SQL("timestamptz '2026-01-01 12:00'"),
                condition,
            )
        ).fetchone()
        assert row == (total,)


def test_a_day_is_a_day_where_clocks_change(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM payments")
    connection.execute("INSERT INTO payments (id, card, at, x) VALUES (1, 7, '2026-03-28 12:30+01', 1)")
    wanted = WindowRead(COLUMNS, ("card",), tuple(Window(None, "count", "1 day").features()))
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL TimeZone = 'Europe/Berlin'")
        # A day earlier on the wall clock is 23 hours here.
        row = connection.execute(
            now(wanted, Identifier("payments"), [SQL("7::bigint")], SQL("timestamptz '2026-03-29 13:00+02'"))
        ).fetchone()
    assert row == (1,)


@pytest.mark.parametrize("at", ["-infinity", "infinity", "4713-01-01 00:00:00+00 BC", "294276-12-31 00:00:00+00"])
def test_moments_at_the_ends_of_time(connection: psycopg.Connection, at: str) -> None:
    wanted = WindowRead(COLUMNS, ("card",), tuple(Window("x", ["count", "sum"], ["90 days", "1 hour"]).features()))
    for step in (None, timedelta(minutes=1)):
        given = WindowRead(wanted.events, wanted.keys, wanted.features, timedelta(0), step)
        moment_ = SQL("{}::timestamptz").format(Literal(at))
        row = connection.execute(now(given, Identifier("payments"), [SQL("7::bigint")], moment_)).fetchone()
        assert row == (0, 0, None, None)


@pytest.mark.parametrize(
    ("at", "back", "step"),
    [(0, 1, 60), (59, 0, 60), (60, 0, 60), (-1, 0, 60), (-61, 5, 7), (10**15 + 3, 10**6, 86_400_000_000)],
)
def test_a_step_rounds_down_before_1970_too(connection: psycopg.Connection, at: int, back: int, step: int) -> None:
    row = connection.execute("SELECT fsdb.window_bound(%s, %s, %s)", [time(at), back, step]).fetchone()
    assert row == (time((at - back) // step * step),)


def test_a_sum_beyond_bigint_is_an_error_that_names_key_and_window(connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM payments")
    largest = 2**63 - 1
    connection.execute(
        "INSERT INTO payments (id, card, at, n) VALUES (1, 7, '2026-01-01', %s), (2, 7, '2026-01-01', 1)", [largest]
    )
    at = SQL("timestamptz '2026-01-01 12:00'")
    wanted = WindowRead(COLUMNS, ("card",), tuple(Window("n", ["sum"], "1 day").features()))
    with pytest.raises(psycopg.errors.NumericValueOutOfRange, match=r"The sum n_sum_1_day of 7 is beyond bigint"):
        connection.execute(now(wanted, Identifier("payments"), [SQL("7::bigint")], at))
    mean = WindowRead(COLUMNS, ("card",), tuple(Window("n", ["mean"], "1 day").features()))
    row = connection.execute(now(mean, Identifier("payments"), [SQL("7::bigint")], at)).fetchone()
    assert row == (float(largest + 1) / 2,)
    assert not math.isinf(row[0])
