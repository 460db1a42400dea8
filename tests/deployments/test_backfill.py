"""Rows that are there when a model is attached: scored all at once outside of the server where that can be, else by the trigger."""

import psycopg
import pytest

from fsdb.deployments import replay, undeploy
from fsdb.deployments.bulk import outside
from fsdb.deployments.feeds.attach import attach
from tests.deployments.attached import attached, check_records, check_shown, make, records
from tests.deployments.world import gradient_boosted, strict

Connection = psycopg.Connection
ORDERS = (
    'INSERT INTO orders ("Order No", origin, carrier, "Tail""No", hour, "How far")'
    " SELECT n, (ARRAY['JFK', 'EWR', NULL])[n % 3 + 1], '1', 11, n % 24, n / 7.0 FROM generate_series(1, 200) n"
)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("installed", [True, False])
def test_both_ways_make_the_same_records(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, columns: bool, installed: bool
) -> None:
    program = make(connection, gradient_boosted())
    connection.execute(ORDERS)
    if not installed:
        monkeypatch.setattr(outside, "scorer_of", lambda *_: None)
    attached(connection, columns=columns, backfill=True)
    made = records(connection)
    assert {record["scored_by"] for record in made} == {"onnxruntime" if installed else None}
    assert sorted(record["Order No"] for record in made) == list(range(1, 201))
    check_records(connection, gradient_boosted(), program, made[::9])
    check_shown(connection, columns)
    monkeypatch.undo()
    assert replay(connection, "orders_predictions", None).different == 0
    connection.execute('UPDATE orders SET hour = hour + 1 WHERE "Order No" < 4')
    assert [record["scored_by"] for record in records(connection)[200:]] == [None] * 3
    check_shown(connection, columns)


KEYS = [
    ("uuid", "'7f1f1e6c-0000-4000-8000-00000000000'::text || n", True),
    ("timestamptz", "timestamptz '2024-01-01 00:00:00.000001Z' + n * interval '1 day'", True),
    ("timestamptz", "CASE n WHEN 1 THEN timestamptz 'infinity' ELSE '-infinity' END", False),
    ("numeric", "'1e-30'::numeric * n", True),
    ("numeric(30, 3)", "n + 0.001", True),
    ("date", "date '2024-02-28' + n", True),
    ("mood", "(ARRAY['glad', 'sad'])[n]", True),
    ("inet", "'10.0.0.' || n", True),
    ("bytea", "decode('00ff0' || n, 'hex')", True),
    ("boolean", "n = 1", True),
    ("text", "E'a\"b,\\n\\\\' || n", True),
    ("char(5)", "'x' || n", True),
    ('"char"', "chr(64 + n)", True),
    ("real", "0.1 * n", True),
    ("interval", "n * interval '1 month 1 day'", True),
    ("integer[]", "ARRAY[n, NULL]", True),
]


def test_any_key(connection: Connection) -> None:
    make(connection, gradient_boosted())
    connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    for number, (key, value, together) in enumerate(KEYS):
        table = f"50% off {number}"
        connection.execute(
            f'CREATE TABLE "{table}" ("100% {{x}}" {key} PRIMARY KEY, origin text, carrier text, tailnum integer, distance real, hour integer)'
        )
        connection.execute(
            f"INSERT INTO \"{table}\" SELECT x.v::{key}, 'JFK', '1', 11, n, n FROM generate_series(1, 2) n, LATERAL (SELECT {value}) x(v)"  # noqa: S608
        )
        attach(connection, "flight_delay", table, predictions=f"sales_{number}", backfill=True)
        found = connection.execute(
            f'SELECT a.distance = p.distance, p.prediction IS NOT NULL, p.scored_by FROM "{table}" a JOIN sales_{number} p USING ("100% {{x}}")'  # noqa: S608
        ).fetchall()
        assert found == [(True, True, "onnxruntime" if together else None)] * 2, key


def test_a_row_that_cannot_be_scored_keeps_the_model_from_being_attached(connection: Connection) -> None:
    make(connection, strict())
    connection.execute(ORDERS)
    connection.execute("UPDATE orders SET origin = 'JFK'")
    connection.execute('UPDATE orders SET "How far" = NULL WHERE "Order No" = 77')
    with pytest.raises(psycopg.DataError, match='input "distance"'):
        attached(connection, backfill=True)
    assert connection.execute("SELECT to_regclass('orders_predictions')").fetchone() == (None,)
    attached(connection, on_error="null", backfill=True)
    (refused,) = (record for record in records(connection) if record["prediction"] is None)
    assert (refused["Order No"], refused["scored_by"]) == (77, "onnxruntime")
    assert '"distance"' in refused["error"]
    undeploy(connection, "orders_predictions", drop_predictions=True)
