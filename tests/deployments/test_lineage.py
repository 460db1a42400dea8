"""Lineage and replay: what a prediction was made from, and that it comes out the same, whatever happens afterwards."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from fsdb.catalog import feature_sets
from fsdb.definitions import Feature
from fsdb.deployments import deploy, lineage, refresh, register_model, replay, rollback
from fsdb.errors import NotReproducible, UnknownName
from tests.deployments.world import DEFAULTS, HOUR, INPUTS, World, gradient_boosted, requests

Connection = psycopg.Connection
IN_SQL = "SELECT * FROM fsdb.prediction_lineage(%s, %s)"


def deployed(world: World) -> None:
    """flight_delay, version 1, with a row for each request."""
    register_model(world.connection, "flight_delay", gradient_boosted(), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay")
    play(world.connection)


def play(connection: Connection) -> None:
    """Inserts every request."""
    for request in requests():
        connection.execute(
            "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
            " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s)",
            request,
        )


def all_lineage(connection: Connection) -> list[list[tuple[Any, ...]]]:
    """The lineage of every prediction."""
    numbers = connection.execute("SELECT prediction_id FROM flight_delay ORDER BY 1").fetchall()
    return [connection.execute(IN_SQL, ["flight_delay", number]).fetchall() for (number,) in numbers]


def shake(world: World) -> None:
    """Late values, corrections, deletes, a dropped and a widened feature, another max_age and default."""
    connection, now = world.connection, datetime.now(UTC)
    for origin in ("JFK", "LGA", "EWR", "BOS", "nowhere"):
        world.write("weather", (origin,), now - 100 * HOUR, temp=-40.0, wind=1)
        world.write("weather", (origin,), now - HOUR, temp=-41.0, wind=2)
        world.write("weather", (origin,), now)
    for key in (("1", 11), ("11", 1), ("UA", 7), ("UA", 8)):
        world.write("plane", key, now, age=99, kind="glider", old=True)
    connection.execute("ALTER TABLE fsdb_history.weather ALTER temp TYPE double precision")
    weather, plane = (feature_sets.get_set(connection, name) for name in ("weather", "plane"))
    feature_sets.update_feature(connection, weather.feature("temp").feature_id, Feature("temp", "double precision"))
    feature_sets.update_feature(connection, weather.feature("wind").feature_id, Feature("wind", "integer", default=77))
    connection.execute("UPDATE fsdb.feature_sets SET max_age = '1 minute' WHERE name = 'weather'")
    refresh(connection, "weather")
    connection.execute('ALTER TABLE fsdb_history.plane RENAME age TO "age__d1"')
    feature_sets.drop_feature(connection, plane.feature("age").feature_id, "age__d1")


def test_lineage_tells_what_the_model_was_given(world: World) -> None:
    deployed(world)
    moments = world.connection.execute("SELECT scored_at FROM flight_delay ORDER BY prediction_id").fetchall()
    for request, (at,), found in zip(requests(), moments, all_lineage(world.connection), strict=True):
        assert [row[0] for row in found] == list(INPUTS)
        given = world.given(request, at)
        for name, value, feature_set, version_id, event_time, recorded_at in found:
            expected = given[name]
            if expected is None:
                assert value is None
            elif isinstance(expected, bool | str):
                assert value == str(expected).lower()
            else:
                assert float(value) == pytest.approx(float(expected), rel=1e-7)
            reference = INPUTS[name]
            assert feature_set == (reference.partition(".")[0] if "." in reference else None)
            if version_id is None:
                assert (event_time, recorded_at) == (None, None)
                assert feature_set is None or expected == DEFAULTS.get(name)
            else:
                (version,) = (v for v in world.versions[feature_set] if v.version_id == version_id)
                assert (event_time, recorded_at) == (version.event_time, version.recorded_at)


def test_lineage_and_replay_hold_whatever_happens_to_history(world: World) -> None:
    deployed(world)
    before = all_lineage(world.connection)
    shake(world)
    after = all_lineage(world.connection)
    for was, now in zip(before, after, strict=True):
        for (name, value, *rest), (new_name, new_value, *new_rest) in zip(was, now, strict=True):
            assert (name, rest) == (new_name, new_rest)
            if name == "temp" and value is not None:  # real shows fewer digits than double precision
                assert float(new_value) == pytest.approx(float(value), rel=1e-7)
            else:
                assert new_value == value
    result = replay(world.connection, "flight_delay")
    assert (result.checked, result.different, len(result.rows)) == (len(requests()), 0, 0)


def test_replay_scores_each_row_by_its_own_version(world: World) -> None:
    connection = world.connection
    deployed(world)
    for seed in (1, 2):
        register_model(connection, "flight_delay", gradient_boosted(seed=seed), inputs=INPUTS)
        deploy(connection, "flight_delay", "flight_delay")
        play(connection)
    rollback(connection, "flight_delay")
    play(connection)
    versions = connection.execute("SELECT model_version, count(*) FROM flight_delay GROUP BY 1 ORDER BY 1").fetchall()
    assert versions == [(1, 36), (2, 72), (3, 36)]
    for limit, checked in ((None, 144), (1000, 144), (50, 50), (0, 0)):
        result = replay(connection, "flight_delay", limit)
        assert (result.checked, result.different) == (checked, 0)


def test_replay_reports_what_does_not_come_out_the_same(world: World) -> None:
    connection = world.connection
    deployed(world)
    connection.execute("ALTER TABLE flight_delay DISABLE TRIGGER zz_fsdb_keep")
    connection.execute("UPDATE flight_delay SET probability = probability + 1e-15 WHERE prediction_id = 3")
    connection.execute("UPDATE flight_delay SET prediction = NOT prediction WHERE prediction_id = 5")
    connection.execute("DELETE FROM fsdb_history.plane WHERE carrier = '11'")
    result = replay(connection, "flight_delay")
    reasons = {row["prediction_id"]: row["reason"] for row in result.rows}
    gone = {number for number, request in enumerate(requests(), start=1) if request["carrier"] == "11"}
    assert reasons == {3: "result differs", 5: "result differs"} | dict.fromkeys(gone, "version is gone")
    assert (result.checked, result.different) == (36, len(reasons))
    (row,) = (row for row in result.rows if row["prediction_id"] == 5)
    assert {row["recorded"], row["replayed"]} == {"true", "false"}
    assert "came out otherwise" in repr(result)
    assert "<table" in result._repr_html_()
    age = {row["input"]: row for row in lineage(connection, "flight_delay", min(gone))}["age"]
    assert (age["value"], age["version_id"], age["event_time"]) == (None, 2, None)


def test_replay_needs_the_program_that_was_registered(world: World) -> None:
    connection = world.connection
    deployed(world)
    with connection.transaction(force_rollback=True):
        connection.execute("DROP FUNCTION fsdb_models.flight_delay_v1")
        with pytest.raises(NotReproducible, match="Version 1 of model flight_delay cannot"):
            replay(connection, "flight_delay")
    assert replay(connection, "flight_delay").different == 0


def test_lineage_shows_as_a_table(world: World) -> None:
    deployed(world)
    found = lineage(world.connection, "flight_delay", 1)
    assert [row["input"] for row in found] == list(INPUTS)
    assert found.title is not None
    assert "model flight_delay version 1" in found.title
    assert ">temp</td>" in found._repr_html_()


@pytest.mark.parametrize("name", ["flight_delay", "public.flight_delay"])
def test_lineage_in_sql_takes_the_table_with_and_without_schema(world: World, name: str) -> None:
    deployed(world)
    world.connection.execute("SET search_path = pg_catalog")
    assert len(world.connection.execute(IN_SQL, [name, 1]).fetchall()) == len(INPUTS)


def test_what_has_no_lineage_is_named(world: World) -> None:
    deployed(world)
    with pytest.raises(UnknownName, match="has no prediction 999"):
        lineage(world.connection, "flight_delay", 999)
    with pytest.raises(UnknownName, match="has no prediction JFK"):
        lineage(world.connection, "flight_delay", "JFK")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="Did you mean flight_delay"):
        lineage(world.connection, "flight_dely", 1)
    with pytest.raises(psycopg.errors.NoDataFound, match='"flight_delay" has no prediction 999'):
        world.connection.execute(IN_SQL, ["flight_delay", 999])
    with pytest.raises(psycopg.errors.UndefinedObject, match='deployed as table "nothing"'):
        world.connection.execute(IN_SQL, ["nothing", 1])


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO flight_delay (origin) VALUES ('JFK')", "SELECT * FROM fsdb.prediction_lineage('flight_delay', 1)"],
)
def test_history_is_read_by_its_index(world: World, statement: Any) -> None:
    connection = world.connection
    deployed(world)
    connection.execute(
        "INSERT INTO fsdb_history.weather (origin, temp, event_time)"
        " SELECT 'k' || n % 500, 1, now() - n * interval '1 s' FROM generate_series(1, 20000) n"
    )
    connection.execute("ANALYZE fsdb_history.weather")
    with connection.transaction():
        before = _scans(connection)
        connection.execute(statement)
        after = _scans(connection)
    assert after[0] == before[0], "a sequential scan of history"
    assert after[1] > before[1]


def _scans(connection: Connection) -> tuple[int, int]:
    row = connection.execute(
        SQL(
            "SELECT pg_stat_get_xact_numscans('fsdb_history.weather'::regclass),"
            " (SELECT sum(pg_stat_get_xact_numscans(indexrelid)) FROM pg_index WHERE indrelid = 'fsdb_history.weather'::regclass)"
        )
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
