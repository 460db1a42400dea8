"""Window sets as users have them: defined, read in training sets, vectors and SQL, against brute force."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

import fsdb
from fsdb.definitions import Window, WindowSet
from tests.conftest import TestDatabase
from tests.windows.oracle import Event, bits, window
from tests.windows.pools import DOUBLES

# All of the past's events are written by the test, later than they happen.
pytestmark = pytest.mark.filterwarnings("ignore::fsdb.LateValues")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGIN = datetime(2026, 3, 28, tzinfo=UTC)  # clocks change in Europe on the next day
HOUR = 3_600_000_000
WIDTHS = {"1_hour": HOUR, "1_day": 24 * HOUR, "7_days": 7 * 24 * HOUR}
FUNCTIONS = ("count", "sum", "mean", "min", "max", "stddev", "first", "last")
PAYMENTS = fsdb.EventTable(
    "payments",
    id="payment_id",
    event_time="paid_at",
    columns={"card_id": "bigint", "amount": "double precision", "status": "text"},
)
ACTIVITY = WindowSet(
    "activity",
    events="payments",
    keys={"card": "card_id"},
    features=[
        Window("amount", FUNCTIONS, [w.replace("_", " ") for w in WIDTHS], where="status = 'ok'"),
        Window(None, "count", "1 day", name="payments"),
    ],
    offset="1 microsecond",
)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url) as opened:
        opened.apply([PAYMENTS, ACTIVITY])
        yield opened


class Payments:
    """What is in the table of payments, and how it came there: each change is made in the database and here."""

    def __init__(self, store: fsdb.Store, seed: str) -> None:
        self.draw = random.Random(seed)
        self.store = store
        self.begin = BEGIN
        self.rows: dict[int, tuple[int | None, datetime | None, Any, str | None]] = {}

    def drawn(self) -> tuple[int | None, datetime | None, Any, str | None]:
        draw = self.draw
        at = self.begin + timedelta(hours=draw.randrange(0, 200), microseconds=draw.choice([-1, 0, 0, 1]))
        pool = draw.choice(list(DOUBLES.values()))
        card = draw.choice([1, 2, 3, None])
        return card, None if draw.random() < 0.03 else at, pool(draw), draw.choice(["ok", "ok", "no", None])

    def change(self) -> None:
        """A few payments arrive late, are corrected, or are deleted; some of it is rolled back."""
        kept = self.draw.random() < 0.8
        before = dict(self.rows)
        with self.store.transaction() as connection, connection.transaction(force_rollback=not kept):
            for _ in range(self.draw.randrange(1, 6)):
                number = self.draw.randrange(60)
                if number in self.rows and self.draw.random() < 0.3:
                    connection.execute("DELETE FROM payments WHERE payment_id = %s", [number])
                    del self.rows[number]
                    continue
                row = self.rows[number] = self.drawn()
                connection.execute(
                    "INSERT INTO payments (payment_id, card_id, paid_at, amount, status) VALUES (%s, %s, %s, %s, %s) "
                    "ON CONFLICT (payment_id) DO UPDATE SET card_id = excluded.card_id, paid_at = excluded.paid_at, "
                    "amount = excluded.amount, status = excluded.status",
                    [number, *row],
                )
        if not kept:
            self.rows = before

    def expected(self, card: int, at: datetime) -> dict[str, Any]:
        return expected(self.rows, card, at)


def expected(rows: dict[int, Any], card: int, at: datetime) -> dict[str, Any]:
    """What the window set is, by brute force."""
    events = [
        Event(key, micros(paid), number, amount, status == "ok")
        for number, (key, paid, amount, status) in rows.items()
        if paid is not None
    ]
    found: dict[str, Any] = {}
    for name, width in WIDTHS.items():
        computed = window(events, card, micros(at), width, 1)
        found |= {f"amount_{function}_{name}": computed[function] for function in FUNCTIONS}
    all_of_them = [Event(e.key, e.time, e.id, 1) for e in events]
    return found | {"payments_count_1_day": window(all_of_them, card, micros(at), 24 * HOUR, 1)["count"]}


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert {name: bits(found[name]) for name in wanted} == {name: bits(value) for name, value in wanted.items()}


def spine(draw: random.Random, rows: int = 25) -> pd.DataFrame:
    moments = [
        BEGIN + timedelta(hours=draw.randrange(0, 220), microseconds=draw.choice([0, 0, 1])) for _ in range(rows)
    ]
    return pd.DataFrame({"card": [draw.choice([1, 2, 3, 4]) for _ in moments], "at": moments})


def rows_of(built: Any) -> list[dict[str, Any]]:
    return list(built.to_arrow().to_pylist())


@pytest.mark.parametrize("seed", range(3))
def test_training_sets_read_what_is_there(store: fsdb.Store, seed: int) -> None:
    payments = Payments(store, f"training {seed}")
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    for _ in range(25):
        payments.change()
    asked = spine(payments.draw)
    built = store.training_set(spine=asked, features="activity", timestamp="at")
    for row in rows_of(built):
        same(row, payments.expected(row["card"], row["at"]))


def test_a_saved_set_is_built_again_after_its_events_were_corrected(store: fsdb.Store) -> None:
    payments = Payments(store, "saved")
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    for _ in range(20):
        payments.change()
    asked, then = spine(payments.draw), dict(payments.rows)
    saved = store.training_set(spine=asked, features="activity", timestamp="at").save("spending")
    for _ in range(20):
        payments.change()
    assert payments.rows != then
    saved.verify()
    as_known = store.training_set(spine=asked, features="activity", timestamp="at", known="spending")
    for row in rows_of(as_known):
        same(row, expected(then, row["card"], row["at"]))
    for row in rows_of(store.training_set(spine=asked, features="activity", timestamp="at")):
        same(row, payments.expected(row["card"], row["at"]))


def test_known_then_leaves_out_what_was_recorded_later(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
        (began,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert isinstance(began, datetime)

    def paid(number: int, at: datetime, amount: float) -> datetime:
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO payments (payment_id, card_id, paid_at, amount, status) VALUES (%s, 9, %s, %s, 'ok') "
                "ON CONFLICT (payment_id) DO UPDATE SET amount = excluded.amount",
                [number, at, amount],
            )
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment

    first = paid(1, began, 10.0)
    second = paid(2, began, 100.0)  # arrives late
    third = paid(1, began, 20.0)  # a correction
    asked = pd.DataFrame({"card": [9, 9, 9], "at": [first, second, third]})

    def sums(known: Any) -> list[float]:
        built = store.training_set(spine=asked, features="activity.amount_sum_1_hour", timestamp="at", known=known)
        return [row["amount_sum_1_hour"] for row in rows_of(built)]

    assert sums("now") == [120.0, 120.0, 120.0]
    assert sums("then") == [10.0, 110.0, 120.0]
    assert sums(second) == [110.0, 110.0, 110.0]
    built = store.training_set(spine=asked, features="activity.amount_sum_1_hour", timestamp="at")
    assert built.late_values == 2  # the last row's events were all recorded before its time


def test_vectors_the_function_and_the_training_view_are_one(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        connection.execute("DELETE FROM payments")
    now = datetime.now(UTC)
    rows = {n: (n % 3, now - timedelta(minutes=7 * n), n / 7, "ok" if n % 4 else "no") for n in range(200)}
    store.ingest(
        "payments",
        pd.DataFrame(
            [
                {"payment_id": n, "card_id": c, "paid_at": p, "amount": a, "status": s}
                for n, (c, p, a, s) in rows.items()
            ]
        ),
    )
    view = fsdb.TrainingView("spend", "SELECT 1::bigint AS card, now() AS at", "at", "activity")
    store.apply([PAYMENTS, ACTIVITY, view])
    wanted = expected(rows, 1, now + timedelta(seconds=5))
    vector = store.feature_vector("activity", {"card": 1})
    assert vector.pop("found")
    same(vector, wanted)
    nobody = store.feature_vector(["activity.amount_sum_1_day", "activity.payments_count_1_day"], {"card": 77})
    assert nobody == {"amount_sum_1_day": None, "payments_count_1_day": 0, "found": False}
    many = store.feature_vectors("activity", [{"card": 2}, {"card": 1}, {"card": 77}]).to_pylist()
    same(many[1], wanted)
    assert [row["found"] for row in many] == [True, True, False]
    with store.transaction() as connection:
        for statement in (
            "SELECT * FROM activity_as_of(now(), 1)",
            "SELECT * FROM spend_training",
            "SELECT * FROM spend_vector(1)",
        ):
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            row = cursor.fetchone()
            same(dict(zip([column.name for column in cursor.description], row, strict=True)), wanted)


def test_what_changes_of_a_window_set(store: fsdb.Store) -> None:
    spent = WindowSet("spent", "payments", {"card_id": "card_id"}, [Window("amount", ["sum", "max"], "1 day")])
    store.apply([spent])
    wanted = WindowSet(
        "spent", "payments", {"card_id": "card_id"}, [Window("amount", ["sum", "mean"], "1 day")], owner="risk"
    )
    assert [str(c.sentence) for c in store.plan([wanted]).changes] == [
        "Change window set spent: drop amount_max_1_day; add amount_mean_1_day; change the owner."
    ]
    store.apply([wanted])
    assert not store.plan([wanted]).changes
    assert [row["name"] for row in store.describe("spent")] == ["card_id", "amount_sum_1_day", "amount_mean_1_day"]
    used = fsdb.TrainingView("uses", "SELECT 1::bigint AS card_id, now() AS at", "at", "spent")
    store.apply([used])
    with pytest.raises(
        fsdb.ChangeRefused, match="Feature amount_mean_1_day of spent is not dropped while it is used by"
    ):
        store.apply([WindowSet("spent", "payments", {"card_id": "card_id"}, [Window("amount", "sum", "1 day")])])
    assert any(part.kind == "window set" and part.installed == "2 installed" for part in store.status().parts)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"events": "nothing"}, fsdb.UnknownName, "no feature set 'nothing'"),
        ({"keys": {"card": "crad_id"}}, fsdb.UnknownName, "column 'crad_id', which payments has not. Did you mean"),
        ({"keys": {"amount": "amount"}}, fsdb.InvalidDefinition, "has no exact equality"),
        ({"features": [Window("amnt", "sum", "1 hour")]}, fsdb.UnknownName, "column 'amnt', which payments has not"),
        ({"features": [Window("status", "sum", "1 hour")]}, fsdb.InvalidDefinition, "that type has none"),
        (
            {"features": [Window("amount", "sum", "1 hour", where="status")]},
            fsdb.InvalidDefinition,
            "a condition, such as",
        ),
        ({"features": [Window("amount", "sum", "1 hour", where="sttus = 'x'")]}, fsdb.UnknownName, "'sttus'"),
        ({"features": [Window("amount", "sum", "1 hour", where="paid_at < now()")]}, fsdb.InvalidDefinition, "now"),
        (
            {"features": [Window("amount", "sum", "1 hour", where="exists (SELECT 1)")]},
            fsdb.InvalidDefinition,
            "EXISTS",
        ),
        ({"name": "payments"}, fsdb.FsdbError, "payments"),
    ],
)
def test_bad_definitions_change_nothing(
    store: fsdb.Store, change: dict[str, Any], error: type[Exception], match: str
) -> None:
    given = {
        "name": "bad",
        "events": "payments",
        "keys": {"card": "card_id"},
        "features": [Window("amount", "sum", "1 hour")],
    }
    with pytest.raises(error, match=match):
        store.apply([WindowSet(**{**given, **change})])
    assert not [row for row in store.search("bad") if row["name"] == "bad"]


def test_columns_may_be_called_as_windows_call_their_own(store: fsdb.Store) -> None:
    columns = {"until": "bigint", "longest": "double precision", "at": "text", "version": "double precision"}
    events = fsdb.EventTable("odd_events", id="id", event_time="bound", columns=columns)
    windows = [Window(column, ["sum", "last"], "1 hour") for column in ("longest", "version")]
    store.apply([events, WindowSet("odd", "odd_events", {"at": "until"}, windows)])
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO odd_events (id, bound, until, longest, version) VALUES (1, now(), 5, 2.5, 1e300), (2, now(), 5, -2.5, 5e-324)"
        )
    vector = store.feature_vector("odd", {"at": 5})
    assert list(vector.values()) == [0.0, -2.5, 1e300, 5e-324, True]
