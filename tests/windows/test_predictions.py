"""Predictions that read windows: what they record, what lineage and the list of events show, and replay after the events have changed."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.definitions import Window, WindowSet
from tests.conftest import TestDatabase

pytestmark = pytest.mark.filterwarnings("ignore::fsdb.LateValues", "ignore::fsdb.NothingMatched")
PAYMENTS = fsdb.EventTable(
    "payments",
    id="payment_id",
    event_time="paid_at",
    columns={"card": "bigint", "amount": "double precision", "status": "text"},
)
SPENT = WindowSet(
    "spent",
    events="payments",
    keys={"card": "card"},
    features=[
        Window("amount", ["sum", "count"], ["1 hour", "7 days"], where="status = 'ok'"),
        Window(None, "count", "1 day", name="payments"),
    ],
)
FEATURES = ["spent.amount_sum_1_hour", "spent.amount_count_7_days", "spent.payments_count_1_day"]


WITHOUT_OWN = """
    SELECT a.amount_sum_1_hour
    FROM requests p, spent_as_of(p.scored_at, p.card, ROW((p.spent_pin).snapshot, NULL, (p.spent_pin).high, 0)::fsdb.event_pin) a
    WHERE p.prediction_id = %s"""
WITHOUT_HIGH = """
    SELECT a.amount_sum_1_hour
    FROM requests p, spent_as_of(p.scored_at, p.card, ROW((p.spent_pin).snapshot, (p.spent_pin).own, 1000000, 0)::fsdb.event_pin) a
    WHERE p.prediction_id = %s"""


def prepare(store: fsdb.Store) -> None:
    """Defines the sets, and deploys a model that adds up three windows as the table `requests`."""
    store.apply([PAYMENTS, SPENT])
    draw = np.random.default_rng(0)
    fitted = pd.DataFrame({name.rpartition(".")[2]: draw.integers(0, 90, 40) for name in FEATURES})
    fitted = fitted.astype({"amount_sum_1_hour": float})
    model = LinearRegression().fit(fitted, fitted.sum(axis=1))
    inputs = {name.rpartition(".")[2]: name for name in FEATURES}
    store.register_model("spending", model, inputs=inputs, rows=fitted)
    store.deploy("spending", table="requests", on_error="null")


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url) as opened:
        prepare(opened)
        yield opened


def pay(connection: Any, number: int, card: int, ago: timedelta, amount: float, status: str = "ok") -> None:
    connection.execute(
        "INSERT INTO payments (payment_id, card, paid_at, amount, status) VALUES (%s, %s, clock_timestamp() - %s, %s, %s) "
        "ON CONFLICT (payment_id) DO UPDATE SET paid_at = excluded.paid_at, amount = excluded.amount, status = excluded.status",
        [number, card, ago, amount, status],
    )


def request(connection: Any, card: int) -> int:
    row = connection.execute("INSERT INTO requests (card) VALUES (%s) RETURNING prediction_id", [card]).fetchone()
    return int(row[0])


def shown(deployment: Any, prediction: int) -> dict[str, str | None]:
    return {row["input"]: row["value"] for row in deployment.lineage(prediction)}


MINUTES = timedelta(minutes=5)


def test_a_prediction_counts_what_its_transaction_had_written_and_nothing_else(
    store: fsdb.Store, module_database: TestDatabase
) -> None:
    deployment = store.deployment("requests")
    with store.transaction() as connection:
        pay(connection, 1, 1, MINUTES, 10.0)
        pay(connection, 2, 1, timedelta(hours=3), 100.0)
        pay(connection, 3, 1, MINUTES, 7.0, "no")
    with module_database.connect() as other, other.transaction():
        pay(other, 4, 1, MINUTES, 1000.0)  # not committed yet
        with store.transaction() as connection:
            pay(connection, 5, 1, MINUTES, 20.0)
            first = request(connection, 1)
            pay(connection, 6, 1, MINUTES, 40.0)  # after the prediction, in its own transaction
            second = request(connection, 1)
    expected = {
        first: {"amount_sum_1_hour": "30", "amount_count_7_days": "3", "payments_count_1_day": "4"},
        second: {"amount_sum_1_hour": "70", "amount_count_7_days": "4", "payments_count_1_day": "5"},
    }
    # Then everything changes: corrections, events that go, and events of before that arrive late.
    with store.transaction() as connection:
        pay(connection, 1, 1, MINUTES, 11.0)
        connection.execute("DELETE FROM payments WHERE payment_id IN (2, 5)")
        pay(connection, 7, 1, timedelta(minutes=20), 5.0)
    for prediction, values in expected.items():
        assert shown(deployment, prediction) == values
        predicted = sum(float(value) for value in values.values())
        with store.transaction() as connection:
            (recorded,) = connection.execute(
                "SELECT prediction FROM requests WHERE prediction_id = %s", [prediction]
            ).fetchone() or (None,)
        assert recorded == pytest.approx(predicted)
    assert deployment.replay().different == 0
    events = {
        "amount_sum_1_hour": ["1", "5"],
        "spent.amount_count_7_days": ["2", "1", "5"],
        "payments_count_1_day": ["2", "1", "3", "5"],
    }
    with store.transaction() as connection:
        for feature, ids in events.items():
            rows = connection.execute(
                "SELECT event_id, value FROM fsdb.window_events('requests', %s, %s)", [first, feature]
            ).fetchall()
            assert sorted(row[0] for row in rows) == sorted(ids)
        values = connection.execute(
            "SELECT event_id, value FROM fsdb.window_events('requests', %s, 'amount_sum_1_hour')", [first]
        ).fetchall()
        assert dict(values) == {"1": "10", "5": "20"}
        # Each part of the pin is needed: without it another sum comes out.
        for pin in (WITHOUT_OWN, WITHOUT_HIGH):
            (without,) = connection.execute(pin, [first]).fetchone() or (None,)
            assert without != 30.0


def test_predictions_under_writers_are_replayed_as_they_were(store: fsdb.Store, module_database: TestDatabase) -> None:
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        draw = np.random.default_rng(seed)
        try:
            with module_database.connect() as connection:
                for _ in range(25):
                    with connection.transaction(force_rollback=bool(draw.random() < 0.2)):
                        for _ in range(int(draw.integers(1, 4))):
                            number = int(draw.integers(100, 140))
                            if draw.random() < 0.2:
                                connection.execute("DELETE FROM payments WHERE payment_id = %s", [number])
                            elif draw.random() < 0.5:
                                # One key an event here, so that no two writers wait for each other in opposite order.
                                pay(
                                    connection,
                                    number * 10 + seed,
                                    int(draw.integers(1, 4)),
                                    MINUTES,
                                    float(draw.normal()) * 1e8,
                                )
                            else:
                                request(connection, int(draw.integers(1, 4)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    replayed = store.deployment("requests").replay(None)
    assert replayed.checked > 20
    assert replayed.different == 0


def test_what_is_refused_in_words(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        pay(connection, 8, 9, MINUTES, 1.0)
        prediction = request(connection, 9)
    deployment = store.deployment("requests")
    with pytest.raises(fsdb.UnsupportedModel, match="spent is computed from events"):
        deployment.score(pd.DataFrame({"card": [1, 2]}))
    for call, match in (
        (("nothing", prediction, "amount_sum_1_hour"), 'no model is deployed as table "nothing"'),
        (("requests", 10**9, "amount_sum_1_hour"), "has no prediction"),
        (("requests", prediction, "amount_max"), 'read no window "amount_max"'),
    ):
        with pytest.raises(Exception, match=match), store.transaction() as connection:
            connection.execute("SELECT * FROM fsdb.window_events(%s, %s, %s)", call)
    with pytest.raises(Exception, match='window set spent has no feature "nothing"'), store.transaction() as connection:
        connection.execute("SELECT * FROM spent_events('nothing', now(), 9)")
    with store.transaction() as connection:
        rows = connection.execute("SELECT event_id FROM spent_events('amount_sum_1_hour', now(), 9)").fetchall()
    assert rows == [("8",)]
    with pytest.raises(fsdb.ChangeRefused, match="deployment requests"):
        store.apply([PAYMENTS, WindowSet("spent", "payments", {"card": "card"}, [Window("amount", "sum", "1 hour")])])


def test_an_empty_window_is_no_missing_one(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        prediction = request(connection, 404)
    found = shown(store.deployment("requests"), prediction)
    assert found == {"amount_sum_1_hour": None, "amount_count_7_days": "0", "payments_count_1_day": "0"}


def test_replay_names_the_erasure_of_an_event_that_was_counted(store: fsdb.Store) -> None:
    with store.transaction() as connection:
        pay(connection, 901, 50, MINUTES, 3.0)
        pay(connection, 902, 50, MINUTES, 4.0)
        prediction = request(connection, 50)
    before = store.deployment("requests").replay(None)
    assert before.erased == 0
    store.erase("payments", {"payment_id": 902}, why="asked for")
    after = store.deployment("requests").replay(None)
    assert (after.different, after.erased) == (before.different, 1)
    (row,) = after.rows
    assert row["prediction_id"] == prediction
    assert "erasure" in row["reason"]
