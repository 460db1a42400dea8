"""Every point-in-time reading descends the index once per row and set, with or without statistics."""

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Literal

from fsdb import history
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.training import build, load, rebuild, register_view, save
from fsdb.vectors import feature_vector
from fsdb.vectors.compiled import choice_of, kept

FEATURES = ["plane.delay", "route.delay"]
INDEXES = ('"plane:newest"', '"route:newest"')


@pytest.fixture
def filled(connection: psycopg.Connection) -> psycopg.Connection:
    """Two sets, of one key and of two, with some 10,000 versions each."""
    with connection.transaction():
        history.create(
            connection, FeatureSet("plane", {"tail": "text"}, (Feature("delay", "integer"),), max_age="30 days")
        )
        history.create(
            connection, FeatureSet("route", {"origin": "text", "dest": "integer"}, (Feature("delay", "integer"),))
        )
    connection.execute(
        "INSERT INTO plane SELECT 'N' || g, g, now() - interval '5 days' FROM generate_series(1, 2000) g"
    )
    connection.execute(
        "INSERT INTO route SELECT 'O' || g % 50, g, g, now() - interval '5 days' FROM generate_series(1, 2000) g"
    )
    for _ in range(4):
        connection.execute("UPDATE plane SET delay = delay + 1, event_time = event_time + interval '1 day'")
        connection.execute("UPDATE route SET delay = delay + 1, event_time = event_time + interval '1 day'")
    connection.execute(
        "CREATE TABLE flights AS SELECT 'N' || g AS tail, 'O' || g % 50 AS origin, g AS dest, now() AS at FROM generate_series(1, 1000) g"
    )
    return connection


def descends(plan: str) -> None:
    for index in INDEXES:
        assert plan.count(f"Index Scan using {index}") == 1, plan
    assert plan.count("event_time <= ") == 2, plan
    assert "Seq Scan on plane" not in plan
    assert "Bitmap" not in plan


@pytest.mark.parametrize("analyzed", [False, True])
def test_training_sets_views_and_vectors(filled: psycopg.Connection, analyzed: bool) -> None:
    if analyzed:
        filled.execute("ANALYZE fsdb_history.plane, fsdb_history.route, flights")
    built = build(filled, spine="SELECT * FROM flights", features=FEATURES, timestamp="at", known="then")
    descends(built.plan)
    save(filled, built, "kept")
    descends(rebuild(filled, load(filled, "kept").saved).plan)
    register_view(filled, TrainingView("flown", "SELECT * FROM flights", "at", FEATURES))
    descends(explained(filled, SQL("SELECT * FROM flown_training")))
    descends(explained(filled, SQL("SELECT * FROM flown_vector('N5', 'O5', 5)")))
    feature_vector(filled, FEATURES, {"tail": "N5", "origin": "O5", "dest": 5})
    compiled = kept(choice_of(filled, FEATURES))
    assert compiled is not None
    by_name = {"tail": "N5", "origin": "O5", "dest": 5}
    values = SQL(", ").join([Literal(by_name[key.name]) for key in compiled.keys])
    filled.execute(SQL("PREPARE vector AS {}").format(SQL(compiled.one.decode())))
    for _ in range(7):  # from the sixth time on PostgreSQL may take a plan that does not know the values
        plan = explained(filled, SQL("EXECUTE vector ({})").format(values))
        descends(plan)


def explained(connection: psycopg.Connection, query: psycopg.sql.Composable) -> str:
    return "\n".join(line for (line,) in connection.execute(SQL("EXPLAIN {}").format(query)))


def test_the_rows_keep_the_spines_order_without_sorting_wide_rows(filled: psycopg.Connection) -> None:
    frame = pa.table(
        {"tail": [f"N{n % 100}" for n in range(5000)], "at": pa.array([0] * 5000, pa.timestamp("us", "UTC"))}
    )
    built = build(filled, spine=frame, features=["plane.delay"], timestamp="at")
    assert built.to_arrow()["tail"].to_pylist() == frame["tail"].to_pylist()
    assert built.plan.index("Nested Loop") < built.plan.index("Sort")
