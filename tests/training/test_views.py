"""Training views in the database: the view gives what the SDK builds, the function what it gives as a vector."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition, UnknownName
from fsdb.training import (
    build,
    drop_view,
    list_views,
    register_view,
    view_status,
    views_of_sets,
    views_suspended,
    views_using,
)
from fsdb.vectors import feature_vector

NOW = datetime.now(UTC)
WEATHER = FeatureSet(
    "weather",
    {"origin": "varchar(3)"},
    [Feature("temp", "real"), Feature("gusts", "integer", default=7)],
    max_age="6 hours",
)
PLANE = FeatureSet(
    "plane", {"tail": "text", "n": "smallint"}, [Feature("delay", "integer"), Feature("temp", "numeric(6,2)")]
)
DELAYS = TrainingView(
    "delays",
    spine="SELECT tail, n, origin, at, late FROM flights -- all of them\n",
    timestamp="at",
    label="late",
    features=["weather.temp", "weather.gusts", "plane.delay", "plane.temp"],
)


@pytest.fixture
def flights(connection: psycopg.Connection) -> psycopg.Connection:
    """Flights and two feature sets with the real triggers."""
    for definition in (WEATHER, PLANE):
        with connection.transaction():
            history.create(connection, definition)
    connection.execute(
        'CREATE TABLE flights (tail text, n integer, origin text COLLATE "C", at timestamptz, late boolean)'
    )
    connection.execute(
        "INSERT INTO weather VALUES ('JFK', 39.5, NULL, %(t)s), ('LGA', 41, 3, %(t)s)", {"t": NOW - timedelta(hours=2)}
    )
    connection.execute(
        "UPDATE weather SET temp = 40.5, event_time = %s WHERE origin = 'JFK'", [NOW - timedelta(hours=1)]
    )
    connection.execute(
        "INSERT INTO plane VALUES ('N1', 11, 5, 1.5, %(t)s), ('N11', 1, 6, NULL, %(t)s)", {"t": NOW - timedelta(days=9)}
    )
    rows = [("N1", 11, "JFK", 0), ("N11", 1, "LGA", -1), ("N1", 1, "JFK", 9), (None, 1, "EWR", 0), ("N1", 11, "JFK", 0)]
    for tail, n, origin, hours in rows:
        connection.execute(
            "INSERT INTO flights VALUES (%s, %s, %s, %s, true)", [tail, n, origin, NOW + timedelta(hours=hours)]
        )
    with connection.transaction():
        register_view(connection, DELAYS)
    return connection


def rows_of(connection: psycopg.Connection, table: str = "delays_training") -> list[dict[str, Any]]:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute(psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(table))).fetchall()


def vector(connection: psycopg.Connection, *keys: Any) -> dict[str, Any] | None:
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute("SELECT * FROM delays_vector(%s, %s, %s)", keys).fetchone()


def test_the_view_is_what_the_sdk_builds(flights: psycopg.Connection) -> None:
    built = build(flights, "delays").to_arrow().to_pylist()
    assert rows_of(flights) == built
    assert [(row["weather__temp"], row["gusts"], row["delay"]) for row in built] == [
        (40.5, 7, 5), (41.0, 3, 6), (None, 7, None), (None, 7, None), (40.5, 7, 5),
    ]  # fmt: skip
    assert build(flights, DELAYS).content_hash == build(flights, "delays").content_hash
    assert (build(flights, "delays").label, build(flights, "delays").view) == ("late", "delays")


def test_the_function_is_the_sdks_vector(flights: psycopg.Connection) -> None:
    flights.execute("INSERT INTO weather VALUES ('SFO', 1, 1, %s)", [NOW + timedelta(days=1)])
    for keys in (("N1", 11, "JFK"), ("N11", 1, "JFK"), ("N1", 11, "XXX"), ("N1", 11, "SFO"), ("N1", 11, "LGA")):
        wanted = feature_vector(flights, DELAYS.features, dict(zip(("tail", "n", "origin"), keys, strict=True)))
        assert vector(flights, *keys) == wanted
    assert vector(flights, "N1", 11, None) == {
        "weather__temp": None,
        "gusts": 7,
        "delay": 5,
        "plane__temp": wanted["plane__temp"],
        "found": False,
    }
    assert flights.execute("SELECT found FROM delays_vector('N1', 11, 'JFK')").fetchone() == (True,)


def test_conditions_reach_the_index(flights: psycopg.Connection) -> None:
    flights.execute("SET enable_seqscan = off")
    for query in ("SELECT * FROM delays_training WHERE tail = 'N1'", "SELECT * FROM delays_vector('N1', 11, 'JFK')"):
        plan = "\n".join(line for (line,) in flights.execute("EXPLAIN " + query))
        assert plan.count("Index Cond") == 2, plan
        assert "Function Scan" not in plan


def test_what_the_catalog_knows(flights: psycopg.Connection) -> None:
    assert list_views(flights) == [DELAYS]
    temp = get_set(flights, "weather").feature("temp")
    assert views_using(flights, temp.feature_id) == ["delays"]
    assert views_of_sets(flights, ["plane"]) == ["delays"]
    assert [(one.name, one.kind, one.state) for one in view_status(flights, "delays")] == [
        ("public.delays_training", "view", "installed"),
        ("public.delays_vector", "function", "installed"),
    ]
    flights.execute("DROP VIEW delays_training")
    flights.execute("UPDATE fsdb.features SET default_value = '8' WHERE name = 'gusts'")
    assert [one.state for one in view_status(flights, "delays")] == ["missing", "outdated"]


def test_changed_definitions_replace_the_objects_and_keep_rights(flights: psycopg.Connection) -> None:
    role = f"reader_{flights.info.dbname}"
    name = psycopg.sql.Identifier(role)
    flights.execute(psycopg.sql.SQL("CREATE ROLE {}").format(name))
    try:
        flights.execute(psycopg.sql.SQL("GRANT SELECT ON delays_training TO {} WITH GRANT OPTION").format(name))
        flights.execute("REVOKE ALL ON FUNCTION delays_vector FROM PUBLIC")
        for features in (DELAYS.features, ("plane.temp",), ("weather.gusts", "plane.delay")):
            view = TrainingView("delays", DELAYS.spine, "at", features)
            register_view(flights, view)
            register_view(flights, view)
            assert rows_of(flights) == build(flights, "delays").to_arrow().to_pylist()
            assert {one.state for one in view_status(flights, "delays")} == {"installed"}
            held = "SELECT has_table_privilege(%s, 'delays_training', 'SELECT WITH GRANT OPTION'), has_function_privilege(%s, p.oid, 'EXECUTE') FROM pg_proc p WHERE proname = 'delays_vector'"
            assert flights.execute(held, [role, role]).fetchall() == [(True, False)]
    finally:
        flights.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(name))
        flights.execute(psycopg.sql.SQL("DROP ROLE {}").format(name))


def test_a_set_changes_its_max_age(flights: psycopg.Connection) -> None:
    flights.execute("UPDATE fsdb.feature_sets SET max_age = NULL WHERE name = 'weather'")
    register_view(flights, DELAYS)
    assert rows_of(flights)[2]["weather__temp"] == 40.5
    assert rows_of(flights) == build(flights, "delays").to_arrow().to_pylist()


def test_types_change_while_views_are_suspended(flights: psycopg.Connection) -> None:
    with views_suspended(flights, ["plane"]):
        flights.execute("DROP VIEW plane_history")
        flights.execute("ALTER TABLE fsdb_history.plane ALTER temp TYPE numeric(9,3)")
        flights.execute("UPDATE fsdb.features SET type = 'numeric(9,3)' WHERE name = 'temp' AND feature_set = 'plane'")
    assert build(flights, "delays").columns[-1].type == "numeric(9,3)"
    assert rows_of(flights) == build(flights, "delays").to_arrow().to_pylist()
    flights.execute("CREATE VIEW report AS SELECT * FROM delays_training")
    with pytest.raises(ChangeRefused, match="view report depends on"), views_suspended(flights, ["plane"]):
        pass
    assert rows_of(flights, "report") == rows_of(flights)


def test_dropping(flights: psycopg.Connection) -> None:
    flights.execute("CREATE VIEW report AS SELECT * FROM delays_training")
    with pytest.raises(ChangeRefused, match="view report depends on view delays_training"):
        drop_view(flights, "delays")
    flights.execute("DROP VIEW report")
    drop_view(flights, "delays")
    assert list_views(flights) == []
    assert flights.execute("SELECT to_regclass('delays_training'), to_regproc('delays_vector')").fetchone() == (
        None,
        None,
    )
    with pytest.raises(UnknownName, match="no training view 'delays'"):
        drop_view(flights, "delays")


def test_in_another_schema(flights: psycopg.Connection) -> None:
    view = TrainingView("lab.delays", DELAYS.spine, "at", ["weather.temp"])
    with pytest.raises(InvalidDefinition, match="schema lab, which does not exist"):
        register_view(flights, view)
    flights.execute("CREATE SCHEMA lab")
    register_view(flights, view)
    assert flights.execute("SELECT temp, found FROM lab.delays_vector('JFK')").fetchone() == (40.5, True)
    assert flights.execute("SELECT count(*) FROM lab.delays_training").fetchone() == (5,)
    assert [view.name for view in list_views(flights)] == ["delays", "lab.delays"]


@pytest.mark.parametrize(
    ("spine", "changes", "error", "words"),
    [
        ("SELECT * FROM flights", {"timestamp": "when"}, InvalidDefinition, "no column 'when'"),
        ("SELECT * FROM flights", {"label": "delay"}, InvalidDefinition, "no column 'delay', which you named as the label"),
        ("SELECT tail, n, at FROM flights", {}, InvalidDefinition, "no column 'origin'"),
        ("SELECT *, 1 AS gusts FROM flights", {}, InvalidDefinition, "column 'gusts' has the name of feature weather.gusts"),
        ("SELECT tail, n, origin, at::timestamp FROM flights", {}, InvalidData, "naive"),
        ("SELECT tail, n::text, origin, at FROM flights", {"features": ("plane.delay",)}, InvalidData, "'n' is of type text"),
        ("SELECT * FROM flight", {}, InvalidDefinition, 'relation "flight" does not exist'),
        ("SELECT * FROM flights", {"features": ("weather.tmp",)}, UnknownName, "Did you mean temp"),
        ("SELECT * FROM passing", {}, InvalidDefinition, "not read a temporary table"),
        ("SELECT * FROM flights", {"name": "taken"}, ChangeRefused, "taken_training was not made by fsdb"),
    ],
)  # fmt: skip
def test_bad_input(
    flights: psycopg.Connection, spine: str, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    flights.execute("CREATE TABLE taken_training (a integer)")
    flights.execute("CREATE TEMP TABLE passing AS SELECT * FROM flights")
    view = TrainingView(
        **{"name": "other", "spine": spine, "timestamp": "at", "features": ("weather.gusts",), **changes}
    )
    with pytest.raises(error, match=words):
        register_view(flights, view)
    assert list_views(flights) == [DELAYS]
