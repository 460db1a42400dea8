"""Window sets on DuckDB: what PostgreSQL and brute force give, to the bit, whatever of the events is in the columnar copy."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd
import pytest

import fsdb
from fsdb import columnar
from fsdb.definitions import Window, WindowSet
from fsdb.engines import costs
from fsdb.engines.work import Work
from tests.conftest import TestDatabase
from tests.windows.pools import DOUBLES
from tests.windows.test_sets import ACTIVITY, BEGIN, PAYMENTS, Payments, expected, rows_of, same, spine

pytestmark = pytest.mark.filterwarnings("ignore::fsdb.LateValues")
SLOW = ("synced", "pieces", "compacted")
STATES = ("never", "synced", "partly", "pieces", "compacted")
TRADES = fsdb.EventTable(
    "trades",
    id="trade",
    event_time="at",
    columns={
        "trade": "text",
        "account": "uuid",
        "side_of": "text",
        "small": "smallint",
        "whole": "integer",
        "large": "bigint",
        "real": "real",
        "price": "numeric(12,3)",
        "day": "date",
        "moment": "timestamptz",
        "note": "text",
        "flag": "boolean",
        "tags": "text[]",
    },
)
KINDS = WindowSet(
    "kinds",
    events="trades",
    keys={"account": "account", "side": "side_of"},
    features=[
        Window("small", ["count", "sum", "mean", "min", "max", "stddev", "first", "last"], ["6 hours", "3 days"]),
        Window(
            "whole", ["sum", "mean", "min", "max", "stddev"], "3 days", where="price > 1.5 OR starts_with(note, 'a')"
        ),
        Window("large", ["mean", "min", "max", "stddev", "last"], ["6 hours", "3 days"]),
        Window("real", ["sum", "mean", "min", "max", "stddev", "first", "last"], ["6 hours", "3 days"]),
        Window("price", ["count", "first", "last"], "3 days", where="flag"),
        Window("day", ["count", "min", "max", "first", "last"], "3 days"),
        Window("moment", ["min", "max", "first"], "3 days"),
        Window("note", ["count", "first", "last"], ["6 hours", "3 days"]),
        Window("flag", ["count", "first", "last"], "3 days"),
        Window("tags", ["first", "last"], "3 days"),
        Window(None, "count", "6 hours", name="trades"),
    ],
    offset="90 seconds",
    step="1 hour",
)


TRADE = """
INSERT INTO trades (trade, at, account, side_of, small, whole, large, real, price, day, moment, note, flag, tags)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fsdb.Store]:
    warehouse = str(tmp_path_factory.mktemp("warehouse"))
    with fsdb.connect(module_database.url, warehouse=warehouse) as opened:
        opened.apply([PAYMENTS, ACTIVITY, TRADES, KINDS])
        yield opened


def synced(store: fsdb.Store, state: str, portion: int) -> None:
    """After each of three portions: whether the copy is brought up to date."""
    if state in ("pieces", "compacted") or (state, portion) in (("partly", 1), ("synced", 2)):
        store.sync()
    if state == "compacted" and portion == 2:
        columnar.compact(store.url)


def moment_of(store: fsdb.Store) -> datetime:
    """The server's time."""
    with store.transaction() as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def both(store: fsdb.Store, **asked: Any) -> list[dict[str, Any]]:
    """The rows, which are one on both engines."""
    one, other = (store.training_set(**asked, engine=engine) for engine in ("postgres", "duckdb"))
    found, wanted = other.to_arrow(), one.to_arrow()
    assert found.schema.equals(wanted.schema, check_metadata=True)
    for given, right in zip(rows_of(other), rows_of(one), strict=True):
        same(given, right)
    assert other.content_hash == one.content_hash
    assert other.late_values == one.late_values
    assert [each.matched for each in other.coverage] == [each.matched for each in one.coverage]
    return rows_of(other)


@pytest.mark.parametrize("state", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in STATES])
def test_engines_give_what_brute_force_finds(store: fsdb.Store, state: str) -> None:
    payments = Payments(store, f"engines {state}")
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    asked = spine(payments.draw, 40)
    given: dict[str, Any] = {"spine": asked, "features": "activity", "timestamp": "at"}
    for portion in range(3):
        for _ in range(8):
            payments.change()
        synced(store, state, portion)
        if portion == 1:
            engine = payments.draw.choice(["postgres", "duckdb"])
            saved = store.training_set(**given, engine=engine).save(f"spending_{state}")
            moment, then = moment_of(store), dict(payments.rows)
    for row in both(store, **given):
        same(row, payments.expected(row["card"], row["at"]))
    for known in (moment, saved.name):
        for row in both(store, **given, known=known):
            same(row, expected(then, row["card"], row["at"]))
    for engine in ("postgres", "duckdb"):
        assert saved.rebuild(engine).content_hash == saved.content_hash


@pytest.mark.parametrize("state", ["never", "pieces"])
def test_each_row_knows_what_was_recorded_by_its_moment(store: fsdb.Store, state: str) -> None:
    payments = Payments(store, f"then {state}")
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    began = moment_of(store)
    # What happens now, up to a day ago, and up to an hour from now.
    payments.begin = began - timedelta(hours=190)
    known = []
    for portion in range(3):
        for _ in range(8):
            payments.change()
            known.append((moment_of(store), dict(payments.rows)))
        synced(store, state, portion)
    asked = pd.DataFrame([{"card": card, "at": at} for at, _ in known for card in (1, 2, 3)])
    then = dict(known)
    differing = 0
    for row in both(store, spine=asked, features="activity", timestamp="at", known="then"):
        wanted = expected(then[row["at"]], row["card"], row["at"])
        same(row, wanted)
        differing += wanted != payments.expected(row["card"], row["at"])
    assert differing > 10
    both(store, spine=asked, features="activity", timestamp="at")


@pytest.mark.parametrize("state", ["partly", "compacted"])
def test_columns_of_every_type(store: fsdb.Store, state: str) -> None:
    draw = random.Random(f"kinds {state}")
    accounts = [str(UUID(int=draw.getrandbits(128))) for _ in range(2)]

    def trade() -> list[Any]:
        at = BEGIN + timedelta(hours=draw.randrange(100), seconds=draw.choice([0, 0, -90, 90]))
        real = draw.choice([DOUBLES["cents"], DOUBLES["whole"], DOUBLES["special"]])(draw)
        row = [
            draw.choice(accounts),
            draw.choice(["buy", "sell", "Buy ", "ß"]),
            draw.randrange(-9, 9),
            draw.randrange(-(2**31), 2**31),
            draw.randrange(-(2**60), 2**60),
            real,
            round(draw.uniform(0, 3), 3),
            date(2026, 1, 1) + timedelta(draw.randrange(99)),
            at + timedelta(microseconds=draw.randrange(10**9)),
            draw.choice(["a", "äb", "", "B"]),
            draw.random() < 0.5,
            draw.choice([["x", None], [], ["y"]]),
        ]
        return [at if draw.random() < 0.95 else None, *(None if draw.random() < 0.1 else value for value in row)]

    with store.transaction() as connection:
        connection.execute("DELETE FROM trades")
    for portion in range(3):
        with store.transaction() as connection:
            for _ in range(40):
                name = draw.choice("abcdEFGHéñ") + draw.choice("aBc9")
                connection.execute("DELETE FROM trades WHERE trade = %s", [name])
                if draw.random() < 0.9:
                    connection.execute(TRADE, [name, *trade()])
        synced(store, state, portion)
    rows = [
        {
            "account": draw.choice([*accounts, None]),
            "side": draw.choice(["buy", "sell", "Buy ", "none", None]),
            "at": BEGIN + timedelta(hours=draw.randrange(110), seconds=draw.choice([0, 0, 90])),
        }
        for _ in range(60)
    ]
    given: dict[str, Any] = {"spine": pd.DataFrame(rows), "timestamp": "at"}
    assert any(row["trades_count_6_hours"] for row in both(store, **given, features="kinds"))
    both(store, **given, features=["kinds.note_last_6_hours", "kinds.trades_count_6_hours"], known="now")


def test_a_sum_beyond_bigint_is_the_same_error(store: fsdb.Store) -> None:
    sums = WindowSet(
        "sums", "trades", {"day": "day", "flag": "flag"}, [Window("large", ["count", "sum"], ["1 hour", "2 hours"])]
    )
    store.apply([sums])
    with store.transaction() as connection:
        connection.execute("DELETE FROM trades")
        for n, hour in enumerate((0, 1)):
            connection.execute(
                "INSERT INTO trades (trade, at, day, flag, large) VALUES (%s, %s, '2026-02-03', true, %s)",
                [str(n), BEGIN + timedelta(hours=hour), 2**63 - 1],
            )
    asked = pd.DataFrame({"day": [date(2026, 2, 3)], "flag": [True], "at": [BEGIN + timedelta(hours=1)]})
    told = []
    for engine in ("postgres", "duckdb"):
        with pytest.raises(
            fsdb.InvalidData, match=r"The sum large_sum_2_hours of 2026-02-03, t is beyond bigint\. Make"
        ) as error:
            store.training_set(spine=asked, features="sums", timestamp="at", engine=engine)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert (
        both(store, spine=asked, features="sums.large_sum_1_hour", timestamp="at")[0]["large_sum_1_hour"] == 2**63 - 1
    )


def test_numeric_windows_are_left_to_postgres(store: fsdb.Store) -> None:
    store.apply([WindowSet("prices", "trades", {"flag": "flag"}, [Window("price", ["sum", "max"], "1 hour")])])
    with store.transaction() as connection:
        connection.execute("INSERT INTO trades (trade, at, flag, price) VALUES ('one', %s, true, 1.5)", [BEGIN])
    asked = pd.DataFrame({"flag": [True], "at": [BEGIN]})
    with pytest.raises(fsdb.EngineUnavailable, match="prices is computed from 'price', which is numeric"):
        store.training_set(spine=asked, features="prices", timestamp="at", engine="duckdb")
    assert store.training_set(spine=asked, features="prices", timestamp="at").engine == "postgres"


def test_what_left_postgres_is_read_from_the_copy(store: fsdb.Store) -> None:
    visits = fsdb.EventTable(
        "visits", id="n", event_time="at", columns={"shop": "text", "spent": "bigint"}, retention="1 millisecond"
    )
    windows = [Window("spent", ["count", "sum"], "1 day")]
    shops, delayed = (WindowSet(name, "visits", {"shop": "shop"}, windows) for name in ("shops", "delayed"))
    store.apply(
        [visits, shops, replace(delayed, offset="2 hours", features=[Window("spent", "max", "1 day", name="late")])]
    )
    with store.transaction() as connection:
        for n in range(20):
            row = [n, BEGIN + timedelta(hours=n), "ab"[n % 2], n]
            connection.execute("INSERT INTO visits (n, at, shop, spent) VALUES (%s, %s, %s, %s)", row)
    asked = pd.DataFrame({"shop": ["a", "b", None], "at": [BEGIN + timedelta(hours=20)] * 3})
    given: dict[str, Any] = {"spine": asked, "timestamp": "at"}
    saved = store.training_set(**given, features="shops").save("visited")
    with store.transaction() as connection:
        connection.execute("UPDATE visits SET spent = 100 WHERE n < 5")
        connection.execute("DELETE FROM visits WHERE n = 7")
        connection.execute("UPDATE visits SET shop = 'b' WHERE n = 8")
    store.sync()
    assert store.retain("visits").removed == 7
    found = both(
        store, **given, features=["shops.spent_sum_1_day", "delayed.late_max_1_day", "shops.spent_count_1_day"]
    )
    assert [(row["spent_sum_1_day"], row["late_max_1_day"], row["spent_count_1_day"]) for row in found] == [
        (376, 100, 9),
        (297, 100, 10),
        (None, None, 0),
    ]
    assert saved.rebuild().engine == "duckdb"
    assert [row["spent_sum_1_day"] for row in rows_of(saved.rebuild())] == [90, 100, None]
    saved.verify()
    both(store, spine=asked[:0], timestamp="at", features="shops")


def test_the_router_knows_how_many_events_a_window_has(store: fsdb.Store) -> None:
    calls = fsdb.EventTable("calls", id="n", event_time="at", columns={"phone": "bigint", "long": "real"})
    store.apply(
        [
            calls,
            WindowSet("called", "calls", {"phone": "phone"}, [Window("long", "sum", ["1 hour", "1 day", "7 days"])]),
        ]
    )
    moments = [BEGIN + timedelta(minutes=n) for n in range(6_000)]  # four days
    rows = pd.DataFrame({"n": range(6_000), "phone": [n % 60 for n in range(6_000)], "at": moments, "long": 1.0})
    store.ingest("calls", rows)
    with store.transaction() as connection:
        connection.execute("ANALYZE")
    asked = pd.DataFrame({"phone": [1], "at": [BEGIN + timedelta(days=1)]})
    found = {}
    for width in ("1_hour", "1_day", "7_days"):
        built = store.training_set(spine=asked, features=f"called.long_sum_{width}", timestamp="at", engine="duckdb")
        found[width] = built.explain().routing.work.reads[0]
    assert [round(one.window or 0) for one in found.values()] == [1, 24, 100]
    seconds = [costs.estimate("postgres", Work(10_000, 2, True, 1, (one,)), {}) or 0 for one in found.values()]
    assert seconds == sorted(seconds)
    assert (costs.estimate("duckdb", Work(10_000, 2, True, 1, (found["7_days"],)), {}) or 0) < seconds[-1]


def test_little_memory_is_enough(store: fsdb.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys a few at a time, and answers on disk."""
    moments = [BEGIN + timedelta(minutes=n) for n in range(6_000)]
    rows = pd.DataFrame(
        {
            "payment_id": range(1000, 7_000),
            "card_id": [n % 900 for n in range(6_000)],
            "paid_at": moments,
            "amount": 0.1,
        }
    )
    rows["status"] = "ok"
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    store.ingest("payments", rows)
    store.sync()
    asked = pd.DataFrame(
        {"card": [n % 1000 for n in range(8_000)], "at": [BEGIN + timedelta(days=n % 25) for n in range(8_000)]}
    )
    given: dict[str, Any] = {"spine": asked, "features": "activity", "timestamp": "at"}
    wanted = store.training_set(**given, engine="duckdb").content_hash
    monkeypatch.setenv("FSDB_MEMORY", "16MB")
    assert store.training_set(**given, engine="duckdb").content_hash == wanted
