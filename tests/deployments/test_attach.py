"""Models attached to application tables: which rows are scored, against the native predict on features found by brute force."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

import fsdb
from fsdb import history
from fsdb.catalog import feature_sets
from fsdb.deployments import (
    deploy,
    promote_canary,
    refresh,
    register_model,
    repair,
    replay,
    rollback,
    shadow,
    start_canary,
    status,
    undeploy,
)
from fsdb.deployments.feeds.attach import attach
from fsdb.errors import ChangeRefused, FsdbError, InvalidDefinition, UnknownName
from tests.conftest import TestDatabase
from tests.deployments.attached import (
    NAMED,
    check_records,
    check_shown,
    insert,
    make,
    numbers,
    records,
    row,
    versions,
)
from tests.deployments.test_deploying import _narrow, objects
from tests.deployments.world import INPUTS, PLANE, forest, frame, gradient_boosted, strict, three_classes
from tests.oracle import as_of
from tests.worker.served import work_once

Connection = psycopg.Connection


def attached(connection: Connection, **options: Any) -> None:
    """flight_delay attached to orders."""
    attach(connection, "flight_delay", "orders", inputs=NAMED, **options)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("estimator", [gradient_boosted, three_classes, forest])
def test_inserted_rows_are_scored(connection: Connection, estimator: Callable[[], Any], columns: bool) -> None:
    program = make(connection, estimator())
    attached(connection, columns=columns)
    rows = [
        row(1),
        row(7, origin="none", distance=None),
        row(3, origin=None, carrier="UA", tailnum=7),
        row(2, hour=23),
    ]
    shown = insert(connection, *rows)
    lines = records(connection)
    assert {line["Order No"] for line in lines} == {1, 2, 3, 7}
    for one in rows:
        (line,) = (line for line in lines if line["Order No"] == one["number"])
        assert {name: line[name] for name in one if name != "number"} == {n: v for n, v in one.items() if n != "number"}
    check_records(connection, estimator(), program, lines)
    if columns:
        by_number = {line["Order No"]: line for line in lines}
        for order in shown:
            record = by_number[order["Order No"]]
            for name in {"prediction_id", "prediction", "probability", "probabilities", "model_version"} & set(record):
                assert order[name] == record[name]
    assert replay(connection, "orders_predictions").different == 0


@pytest.mark.parametrize("columns", [False, True])
def test_every_way_of_writing(connection: Connection, columns: bool) -> None:
    program = make(connection, gradient_boosted())
    attached(connection, columns=columns)
    insert(connection, row(1), row(2))
    with connection.cursor() as cursor, cursor.copy('COPY orders ("Order No", origin, hour) FROM STDIN') as copy:
        copy.write_row((3, "JFK", 3))
        copy.write_row((4, "EWR", 3))
    assert numbers(connection) == [1, 2, 3, 4]
    insert(connection, row(1, hour=9), row(5), more="ON CONFLICT DO NOTHING")
    assert numbers(connection) == [1, 2, 3, 4, 5]
    conflict = 'ON CONFLICT ("Order No") DO UPDATE SET hour = excluded.hour, note = excluded.note'
    insert(connection, row(1, hour=9), row(2), row(6), more=conflict)
    assert sorted(numbers(connection)[5:]) == [1, 6]
    connection.execute(
        'MERGE INTO orders o USING (VALUES (2, 5), (9, 5)) v (n, h) ON o."Order No" = v.n'
        ' WHEN MATCHED THEN UPDATE SET hour = v.h WHEN NOT MATCHED THEN INSERT ("Order No", hour) VALUES (v.n, v.h)'
    )
    assert sorted(numbers(connection)[7:]) == [2, 9]
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(connection, row(1))
    connection.execute("UPDATE orders SET note = 'seen'")
    assert len(numbers(connection)) == 9
    check_shown(connection, columns)
    connection.execute("DELETE FROM orders WHERE hour = 5")
    connection.execute("TRUNCATE orders")
    assert len(numbers(connection)) == 9
    check_records(connection, gradient_boosted(), program, records(connection))


@pytest.mark.parametrize("columns", [False, True])
def test_updates(connection: Connection, columns: bool) -> None:
    program = make(connection, gradient_boosted())
    attached(connection, columns=columns)
    insert(connection, row(1), row(2), row(3, origin=None))
    connection.execute("UPDATE orders SET hour = CASE WHEN \"Order No\" = 1 THEN 4 ELSE hour END, note = 'x'")
    assert numbers(connection)[3:] == [1]
    connection.execute("UPDATE orders SET origin = 'EWR' WHERE \"Order No\" >= 2")
    assert sorted(numbers(connection)[4:]) == [2, 3]
    connection.execute('UPDATE orders SET "Order No" = 20 WHERE "Order No" = 2')
    assert numbers(connection)[6:] == [20]
    check_shown(connection, columns)
    check_records(connection, gradient_boosted(), program, records(connection))
    first = records(connection)[0]
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute('UPDATE orders_predictions SET "Order No" = 99 WHERE prediction_id = 1')
    assert records(connection)[0] == first


def test_what_on_update_leaves_out_is_not_scored(connection: Connection) -> None:
    make(connection, gradient_boosted())
    for columns in (False, True):
        attached(connection, on_update=(), columns=columns)
        insert(connection, row(1))
        connection.execute("UPDATE orders SET hour = 7")
        connection.execute("UPDATE weather SET wind = 1")
        assert numbers(connection) == [1]
        undeploy(connection, "orders_predictions", drop_predictions=True)
        connection.execute("TRUNCATE orders")
    with pytest.raises(InvalidDefinition, match="on_update cannot have 'keys'"):
        attached(connection, on_update=("keys",))


@pytest.mark.parametrize("columns", [False, True])
def test_changes_of_features(connection: Connection, columns: bool) -> None:
    program = make(connection, gradient_boosted())
    attached(connection, columns=columns)
    insert(connection, row(1), row(2, origin="EWR"), row(3), row(4, origin="BOS"), row(5, origin=None, tailnum=None))
    now, scored = datetime.now(UTC), 5

    def new() -> list[int]:
        nonlocal scored
        found = numbers(connection)[scored:]
        scored += len(found)
        return sorted(found)

    new()
    connection.execute("UPDATE weather SET wind = 9 WHERE origin = 'JFK'")
    assert new() == [1, 3]
    connection.execute("UPDATE weather SET wind = wind")
    assert new() == []
    connection.execute("INSERT INTO weather (origin, temp, wind) VALUES ('BOS', 5, 6), ('SFO', 7, 8)")
    assert new() == [4]
    connection.execute("UPDATE weather SET event_time = %s, temp = 0 WHERE origin = 'JFK'", [now - timedelta(hours=9)])
    assert new() == [], "a late value"
    connection.execute("DELETE FROM weather WHERE origin = 'EWR'")
    assert new() == [2]
    connection.execute(
        "INSERT INTO weather (origin, temp, wind, event_time) VALUES ('EWR', 1, 1, %s)", [now - timedelta(hours=1)]
    )
    assert new() == [], "late behind a tombstone"
    connection.execute("UPDATE weather SET origin = 'EWR' WHERE origin = 'BOS'")
    assert new() == [2, 4]
    connection.execute(
        "INSERT INTO weather (origin, wind) VALUES ('JFK', 3) ON CONFLICT (origin) DO UPDATE SET wind = excluded.wind"
    )
    assert new() == [1, 3]
    connection.execute("UPDATE weather SET event_time = %s, wind = 77 WHERE origin = 'JFK'", [now + timedelta(days=9)])
    assert new() == [], "of the future"
    connection.execute("UPDATE plane SET kind = 'jet' WHERE tailnum = 11")
    assert new() == [1, 2, 3, 4]
    connection.execute("TRUNCATE plane")
    assert new() == [1, 2, 3, 4]
    check_shown(connection, columns)
    check_records(connection, gradient_boosted(), program, records(connection))
    assert replay(connection, "orders_predictions").different == 0
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE weather SET wind = 1 WHERE origin = 'EWR'")
        assert new() == [2]
    assert all(state.state == "installed" for state in status(connection, "orders_predictions"))


@pytest.mark.parametrize(("columns", "seed"), [(False, 1), (True, 2)])
def test_random_changes(connection: Connection, columns: bool, seed: int) -> None:
    program = make(connection, gradient_boosted())
    insert(connection, *(row(number, hour=number % 24) for number in range(6)))
    attached(connection, columns=columns, backfill=True)
    chance = random.Random(seed)
    for _ in range(60):
        before = {order[2]: order for order in connection.execute("SELECT * FROM orders").fetchall()}
        held = _held(connection, before)
        known = len(numbers(connection))
        _change(connection, chance)
        after = {order[2]: order for order in connection.execute("SELECT * FROM orders").fetchall()}
        now = _held(connection, after)
        # inputs stand before and after "note"; carrier, tail and origin are columns 4 to 6
        expected = [
            number
            for number, order in after.items()
            if number not in before
            or (order[0], *order[3:7]) != (before[number][0], *before[number][3:7])
            or now[number] != held[number]
        ]
        assert sorted(numbers(connection)[known:]) == sorted(expected)
        check_shown(connection, columns)
    check_records(connection, gradient_boosted(), program, records(connection))


def _held(connection: Connection, orders: dict[int, tuple[Any, ...]]) -> dict[int, tuple[Any, ...]]:
    """The versions that hold now of what each order is looked up by."""
    weather, plane, now = versions(connection, "weather"), versions(connection, "plane"), datetime.now(UTC)
    held = {}
    for number, order in orders.items():
        found = (as_of(weather, (order[6],), now), as_of(plane, (order[4], order[5]), now))
        held[number] = tuple(version and version.version_id for version in found)
    return held


def _change(connection: Connection, chance: random.Random) -> None:
    """One statement on orders or on features."""
    origin, other = chance.sample(["JFK", "EWR", "BOS"], 2)
    number, wind, hour = chance.randrange(20), chance.randrange(30), chance.randrange(24)
    late = datetime.now(UTC) - timedelta(hours=chance.randrange(1, 20))
    changes: list[tuple[str, list[Any]]] = [
        (
            'INSERT INTO orders ("Order No", origin, hour) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING',
            [number, origin],
        ),
        (
            'INSERT INTO orders ("Order No", origin, carrier, "Tail""No") VALUES (%s, %s, \'1\', 11)'
            ' ON CONFLICT ("Order No") DO UPDATE SET origin = excluded.origin',
            [number, other],
        ),
        ("UPDATE orders SET hour = %s WHERE origin = %s", [hour, origin]),
        ("UPDATE orders SET origin = %s, note = 'x' WHERE hour > %s", [origin, hour]),
        ('DELETE FROM orders WHERE "Order No" = %s', [number]),
        (
            "INSERT INTO weather (origin, wind) VALUES (%s, %s), (%s, %s) ON CONFLICT (origin) DO UPDATE SET wind = excluded.wind",
            [origin, wind, other, wind],
        ),
        ("UPDATE weather SET wind = %s, event_time = %s WHERE origin = %s", [wind, late, origin]),
        ("DELETE FROM weather WHERE origin = %s", [origin]),
        ("UPDATE weather SET temp = %s", [wind]),
        ("UPDATE plane SET age = %s", [wind]),
    ]
    text, values = chance.choice(changes)
    connection.execute(text, values)


def test_a_column_of_its_own_shows_recorded_predictions_alone(connection: Connection) -> None:
    make(connection, gradient_boosted())
    attached(connection, columns=True)
    insert(connection, row(1), row(2, hour=20))
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="orders shows of its predictions"):
        connection.execute("UPDATE orders SET probability = 0.5")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute('UPDATE orders SET prediction_id = 2, probability = 0.5 WHERE "Order No" = 1')
    cursor = connection.execute(
        'INSERT INTO orders ("Order No", hour, prediction, prediction_id, probability) VALUES (3, 2, NULL, 77, 9) RETURNING prediction_id'
    )
    assert cursor.fetchone() == (3,)
    check_shown(connection, True)


def test_a_row_whose_forerunner_goes_meanwhile_is_scored_all_the_same(connection: Connection) -> None:
    make(connection, gradient_boosted())
    attached(connection, columns=True)
    insert(connection, row(1))
    connection.execute(
        "CREATE FUNCTION make_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        ' DELETE FROM orders WHERE "Order No" = NEW."Order No"; RETURN NEW; END $$'
    )
    connection.execute("CREATE TRIGGER zzz_last BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION make_room()")
    insert(connection, row(1, hour=5))
    assert [(line["Order No"], line["hour"]) for line in records(connection)] == [(1, 3), (1, 5)]
    check_shown(connection, True)


def test_the_application_needs_rights_on_its_table_alone(connection: Connection) -> None:
    make(connection, gradient_boosted())
    name = f"app_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {name}")
    try:
        for columns in (False, True):
            attached(connection, columns=columns)
            connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON orders, weather TO {name}")
            connection.execute(f"SET ROLE {name}")
            insert(connection, row(1), row(2, origin="EWR"))
            connection.execute('UPDATE orders SET hour = 9 WHERE "Order No" = 1')
            connection.execute("UPDATE weather SET wind = %s WHERE origin = 'EWR'", [7 + columns])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM orders_predictions")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("INSERT INTO orders_predictions DEFAULT VALUES")
            connection.execute("RESET ROLE")
            assert numbers(connection) == [1, 2, 1, 2]
            undeploy(connection, "orders_predictions", drop_predictions=True)
            connection.execute("TRUNCATE orders")
        connection.execute(f"SET ROLE {name}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attached(connection)
        connection.execute("RESET ROLE")
    finally:
        connection.execute("RESET ROLE")
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("columns", [False, True])
def test_what_becomes_of_a_row_that_cannot_be_scored(connection: Connection, columns: bool) -> None:
    make(connection, strict())
    attached(connection, columns=columns)
    insert(connection, row(1))
    with pytest.raises(psycopg.DataError):
        insert(connection, row(2), row(3, distance=None))
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    with pytest.raises(psycopg.DataError):
        connection.execute("UPDATE orders SET hour = NULL")
    assert numbers(connection) == [1]
    undeploy(connection, "orders_predictions", drop_predictions=True)
    attached(connection, columns=columns, on_error="null", backfill=True)
    insert(connection, row(2), row(3, distance=None))
    found = [(line["Order No"], line["prediction"] is None, line["error"] is None) for line in records(connection)]
    assert found == [(1, False, True), (2, False, True), (3, True, False)]
    check_shown(connection, columns)


@pytest.mark.parametrize("columns", [False, True])
def test_rows_that_are_there_are_scored(connection: Connection, columns: bool) -> None:
    program = make(connection, gradient_boosted())
    connection.execute(
        'INSERT INTO orders ("Order No", origin, carrier, "Tail""No", hour, "How far", note)'
        " SELECT n, (ARRAY['JFK', 'EWR', 'BOS'])[n %% 3 + 1], '1', 11, n %% 24, n, repeat('x', 900) FROM generate_series(1, 3000) n".replace(
            "%%", "%"
        )
    )
    connection.execute('DELETE FROM orders WHERE "Order No" % 10 = 0')
    told: list[tuple[int, int]] = []
    attached(connection, columns=columns, backfill=True, progress=lambda done, of: told.append((done, of)))
    assert sorted(numbers(connection)) == [n for n in range(1, 3001) if n % 10]
    assert len(told) > 1
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    check_shown(connection, columns)
    check_records(connection, gradient_boosted(), program, records(connection)[::40])


@pytest.mark.parametrize("columns", [False, True])
def test_nothing_is_left(connection: Connection, columns: bool) -> None:
    make(connection, gradient_boosted())
    insert(connection, row(1))
    before = objects(connection)
    with connection.transaction(force_rollback=True):
        attached(connection, columns=columns, backfill=True)
        assert numbers(connection) == [1]
    assert objects(connection) == before
    attached(connection, columns=columns)
    insert(connection, row(2))
    with pytest.raises(ChangeRefused, match="drop_predictions"):
        undeploy(connection, "orders_predictions")
    insert(connection, row(3))
    assert numbers(connection) == [2, 3]
    undeploy(connection, "orders_predictions", drop_predictions=True)
    left = {one for one in objects(connection) - before if not one[1].startswith("orders.........pg.dropped")}
    assert left == set()
    assert before - objects(connection) == set()
    insert(connection, row(4))


def test_undeploying_is_refused_while_others_use_what_it_added(connection: Connection) -> None:
    make(connection, gradient_boosted())
    for columns, table in ((False, "orders_scored"), (True, "orders")):
        attached(connection, columns=columns)
        connection.execute(f"CREATE VIEW late AS SELECT * FROM {table} WHERE prediction")  # noqa: S608
        with pytest.raises(ChangeRefused, match="view late"):
            undeploy(connection, "orders_predictions")
        insert(connection, row(1))
        connection.execute("DROP VIEW late")
        undeploy(connection, "orders_predictions", drop_predictions=True)
        connection.execute("TRUNCATE orders")


@pytest.mark.parametrize("columns", [False, True])
def test_releases(connection: Connection, columns: bool) -> None:
    estimator = gradient_boosted(300, 1)
    program = make(connection, estimator)
    narrow = {name: INPUTS[name] for name in ("temp", "wind", "distance")}
    register_model(connection, "flight_delay", _narrow(frame(300)[list(narrow)]), inputs=narrow)
    attach(connection, "flight_delay", "orders", inputs={"distance": "How far"}, version=2, columns=columns)
    insert(connection, row(1))
    connection.execute("UPDATE plane SET kind = 'jet'")
    assert numbers(connection) == [1], "version 2 does not look planes up"
    before = objects(connection)
    with pytest.raises(ChangeRefused, match="no column 'tailnum'"):
        deploy(connection, "flight_delay", "orders_predictions", version=1)
    assert objects(connection) == before
    connection.execute('ALTER TABLE orders RENAME "Tail""No" TO tailnum')
    deploy(connection, "flight_delay", "orders_predictions", version=1)
    connection.execute(
        "INSERT INTO orders (\"Order No\", origin, carrier, tailnum, \"How far\", hour) VALUES (2, 'JFK', '1', 11, 4, 5)"
    )
    connection.execute("UPDATE plane SET kind = 'prop' WHERE tailnum = 11")
    lines = records(connection)
    assert [(line["Order No"], line["model_version"]) for line in lines] == [(1, 2), (2, 1), (1, 1), (2, 1)]
    check_records(connection, estimator, program, lines[1:])
    assert all(state.state == "installed" for state in status(connection, "orders_predictions"))
    rollback(connection, "orders_predictions")
    connection.execute("UPDATE plane SET kind = 'jet' WHERE tailnum = 11")
    assert len(numbers(connection)) == 4
    connection.execute("UPDATE weather SET temp = 7 WHERE origin = 'JFK'")
    assert [line["model_version"] for line in records(connection)[4:]] == [2, 2]
    undeploy(connection, "orders_predictions", drop_predictions=True)


def test_refused(connection: Connection) -> None:
    make(connection, gradient_boosted())
    before = objects(connection)

    def refused(kind: type[FsdbError], match: str, table: str = "orders", **options: Any) -> None:
        with pytest.raises(kind, match=match):
            attach(connection, "flight_delay", table, **{"inputs": NAMED, **options})
        assert objects(connection) == before

    refused(UnknownName, "no table 'order'", "order")
    refused(ChangeRefused, "no column 'distance'.*inputs=", inputs={"tailnum": 'Tail"No'})
    refused(ChangeRefused, "'hour' as bigint, but column 'note' of orders is text", inputs={**NAMED, "hour": "note"})
    refused(InvalidDefinition, "'speed' is no key or request input", inputs={**NAMED, "speed": "note"})
    refused(UnknownName, "flight_delay", version=9)
    refused(ChangeRefused, "orders is a deployment|already a table", predictions="orders")
    connection.execute("ALTER TABLE orders ADD prediction text")
    before = objects(connection)
    refused(ChangeRefused, "column 'prediction' of its own", columns=True)
    connection.execute("CREATE VIEW seen AS SELECT * FROM orders")
    connection.execute("CREATE TABLE keyless AS SELECT * FROM orders")
    connection.execute('CREATE TABLE parts (LIKE orders INCLUDING ALL) PARTITION BY RANGE ("Order No")')
    connection.execute("CREATE TABLE part PARTITION OF parts DEFAULT")
    connection.execute("CREATE TABLE orders_scored ()")
    connection.execute(
        'CREATE TABLE "Odd name" (LIKE orders INCLUDING ALL, far float8 GENERATED ALWAYS AS ("How far" + 1) STORED)'
    )
    before = objects(connection)
    refused(ChangeRefused, "a view", "seen")
    refused(ChangeRefused, "no primary key", "keyless")
    refused(ChangeRefused, "a partitioned table", "parts")
    refused(ChangeRefused, "a partition", "part")
    refused(ChangeRefused, "already a relation orders_scored")
    refused(InvalidDefinition, "gives no name", "Odd name")
    connection.execute('ALTER TABLE "Odd name" DROP prediction')
    before = objects(connection)
    refused(
        ChangeRefused,
        "'far' of Odd name is generated",
        "Odd name",
        predictions="odd",
        columns=True,
        inputs={**NAMED, "distance": "far"},
    )
    attach(connection, "flight_delay", "Odd name", predictions="odd", inputs={**NAMED, "distance": "far"})
    connection.execute('INSERT INTO "Odd name" ("Order No", "How far") VALUES (5, 8)')
    assert [(line["Order No"], line["distance"]) for line in records(connection, "odd")] == [(5, 9.0)]
    assert connection.execute('SELECT "Order No", prediction IS NULL FROM odd_scored').fetchall() == [(5, False)]


def test_names_that_meet(connection: Connection) -> None:
    """The primary key bears names that the model table has already, and columns stand in another order than there."""
    make(connection, gradient_boosted())
    connection.execute(
        "CREATE TABLE trips (hour int, prediction text, tailnum int, prediction_id int, distance float8, origin text, carrier text,"
        " weather_version int, PRIMARY KEY (hour, prediction_id, weather_version))"
    )
    attach(connection, "flight_delay", "trips")
    connection.execute("INSERT INTO trips VALUES (3, 'mine', 11, 55, 8, 'JFK', '1', 66)")
    connection.execute("UPDATE weather SET wind = 4 WHERE origin = 'JFK'")
    (first, second) = records(connection, "trips_predictions")
    for line in (first, second):
        assert (line["hour"], line["trips_prediction_id"], line["trips_weather_version"]) == (3, 55, 66)
        assert (line["tailnum"], line["distance"], line["origin"], line["carrier"]) == (11, 8.0, "JFK", "1")
    shown = connection.execute(
        "SELECT prediction, prediction_id, trips_predictions_prediction_id FROM trips_scored"
    ).fetchall()
    assert shown == [("mine", 55, second["prediction_id"])]


def test_status_and_repair(connection: Connection) -> None:
    make(connection, gradient_boosted())
    for columns in (False, True):
        attached(connection, columns=columns)
        names = [state.name for state in status(connection, "orders_predictions") if "feed" in state.name]
        assert len(names) > 8
        number = 2 if columns else 1
        trigger = f"zz_fsdb_feed_{number}_set1_updated"
        inserted = f"zz_fsdb_feed_{number}_2_inserted" if columns else f"zz_fsdb_feed_{number}_inserted"
        other = f"zz_fsdb_feed_{number}_set2_updated"
        assert {trigger, inserted} <= set(names)
        connection.execute(f"DROP TRIGGER {trigger} ON plane")
        connection.execute(f"ALTER TABLE weather DISABLE TRIGGER {other}")
        connection.execute(f"DROP TRIGGER {inserted} ON orders")
        if not columns:
            connection.execute("DROP VIEW orders_scored")
        states = {
            state.name: state.state for state in status(connection, "orders_predictions") if state.state != "installed"
        }
        wanted = {trigger: "missing", other: "outdated", inserted: "missing"}
        assert states == wanted | ({} if columns else {"orders_scored": "missing"})
        connection.execute("ALTER TABLE orders ADD extra int")
        repair(connection, "orders_predictions")
        assert all(state.state == "installed" for state in status(connection, "orders_predictions"))
        insert(connection, row(1))
        assert numbers(connection) == [1]
        check_shown(connection, columns)
        undeploy(connection, "orders_predictions", drop_predictions=True)
        connection.execute("TRUNCATE orders")
        connection.execute("ALTER TABLE orders DROP extra")


def test_a_table_that_is_a_feature_set_itself(connection: Connection) -> None:
    """Its triggers for history go first: a row reads what it says itself."""
    make(connection, gradient_boosted())
    connection.execute("CREATE SCHEMA shop")
    connection.execute("CREATE TABLE shop.visits (origin text PRIMARY KEY, temp real, wind int, distance float8)")
    tracked = history.tracked_definition(connection, "shop.visits", name="visits", features=["temp", "wind"])
    with connection.transaction():
        history.create(connection, tracked)
    inputs = {"temp": "visits.temp", "wind": "visits.wind", "distance": "double precision"}
    estimator = _narrow(frame(300)[list(inputs)])
    register_model(connection, "stay", estimator, inputs=inputs)
    for columns in (False, True):
        attached = attach(connection, "stay", "shop.visits", columns=columns)
        assert attached.name == "shop.visits_predictions"
        connection.execute("INSERT INTO shop.visits VALUES ('JFK', 1, 2, 3), ('EWR', 4, 5, 6)")
        connection.execute("UPDATE shop.visits SET wind = 7 WHERE origin = 'EWR'")
        connection.execute("UPDATE shop.visits SET distance = 8 WHERE origin = 'JFK'")
        connection.execute("DELETE FROM shop.visits WHERE origin = 'JFK'")
        lines = connection.execute(
            "SELECT p.origin, h.temp, h.wind, p.distance FROM shop.visits_predictions p"
            " JOIN fsdb_history.visits h ON h.version_id = p.visits_version ORDER BY p.prediction_id"
        ).fetchall()
        # a row that shows its prediction is scored before it is in history, and once more when it is
        if columns:
            assert connection.execute("SELECT count(*) FROM shop.visits_predictions").fetchone() == (6,)
        assert sorted(lines[-4:-2]) == [("EWR", 4.0, 5, 6.0), ("JFK", 1.0, 2, 3.0)]
        assert lines[-2:] == [("EWR", 4.0, 7, 6.0), ("JFK", 1.0, 2, 8.0)]
        shown = connection.execute(
            f"SELECT origin, prediction_id FROM shop.visits{'' if columns else '_scored'} WHERE prediction IS NOT NULL"  # noqa: S608
        ).fetchall()
        assert shown == [("EWR", 5 if columns else 3)]
        undeploy(connection, attached.name, drop_predictions=True)
        connection.execute("DELETE FROM shop.visits")


def test_several_models_on_one_table(connection: Connection) -> None:
    program = make(connection, gradient_boosted())
    register_model(connection, "other", forest(), inputs=INPUTS)
    attached(connection, columns=True)
    attach(connection, "other", "orders", inputs=NAMED, predictions="orders_other")
    insert(connection, row(1), row(2))
    connection.execute("UPDATE plane SET kind = 'jet' WHERE tailnum = 11")
    check_records(connection, gradient_boosted(), program, records(connection))
    assert numbers(connection) == numbers(connection, "orders_other") == [1, 2, 1, 2]
    assert connection.execute('SELECT "Order No" FROM orders_other_scored WHERE orders_other_prediction > 0').fetchall()
    with pytest.raises(ChangeRefused, match="is a deployment already"):
        attached(connection)
    undeploy(connection, "orders_other", drop_predictions=True)
    undeploy(connection, "orders_predictions", drop_predictions=True)


def test_a_set_that_ages(connection: Connection) -> None:
    """A changed max_age binds the deployment anew; from then on the event_time alone matters to the prediction, too."""
    make(connection, gradient_boosted())
    attached(connection)
    insert(connection, row(1))
    connection.execute("UPDATE plane SET event_time = clock_timestamp()")
    assert numbers(connection) == [1]
    feature_sets.update_set(connection, replace(PLANE, max_age=timedelta(days=1)))
    refresh(connection, "plane")
    connection.execute("UPDATE plane SET event_time = clock_timestamp()")
    assert numbers(connection) == [1, 1]
    assert all(state.state == "installed" for state in status(connection, "orders_predictions"))


def test_by_the_store(database: TestDatabase) -> None:
    with database.connect() as connection:
        make(connection, gradient_boosted())
        insert(connection, row(1))
    told: list[tuple[int, int]] = []
    with fsdb.connect(database.url) as store:
        with store.transaction() as session:
            store.attach("flight_delay", "orders", inputs=NAMED).undeploy()
            assert session.execute("SELECT count(*) FROM fsdb.deployment_feeds").fetchone() == (0,)
        deployed = store.attach(
            "flight_delay", "orders", inputs=NAMED, backfill=True, progress=lambda *at: told.append(at)
        )
        assert (deployed.table, deployed.model, deployed.version) == ("orders_predictions", "flight_delay", 1)
        assert told == [(1, 1)]
        assert [event[1] for event in deployed.events().rows] == ["deploy", "attach", "undeploy", "deploy", "attach"]
        assert len(deployed.lineage(1).rows) == len(INPUTS)
        with pytest.raises(InvalidDefinition, match="come from table orders"):
            deployed.score("SELECT 'JFK' AS origin", record=True)
        deployed.undeploy(drop_predictions=True)


def test_predictions_that_a_worker_fills_in(connection: Connection, database: TestDatabase) -> None:
    program = make(connection, gradient_boosted())
    before = objects(connection)
    with pytest.raises(ChangeRefused, match="runtime worker predicts after a row is inserted"):
        attached(connection, runtime="worker", columns=True)
    assert objects(connection) == before
    insert(connection, row(1))
    attached(connection, runtime="worker", backfill=True)
    insert(connection, row(2))
    connection.execute("UPDATE weather SET wind = 8 WHERE origin = 'JFK'")
    assert [line["prediction"] for line in records(connection)] == [None] * 4
    assert work_once(database)
    check_shown(connection, False)
    check_records(connection, gradient_boosted(), program, records(connection))
    register_model(connection, "flight_delay", gradient_boosted(200, 1), inputs=INPUTS)
    shadow(connection, "orders_predictions", runtime="worker")
    insert(connection, row(3))
    assert work_once(database)
    (beside,) = records(connection, "orders_predictions_shadow")
    assert (beside["of_prediction"], beside["model_version"], beside["prediction"] is None) == (5, 2, False)
    undeploy(connection, "orders_predictions", drop_predictions=True)


def test_columns_with_collations_of_their_own(connection: Connection) -> None:
    make(connection, gradient_boosted())
    connection.execute(
        'CREATE TABLE calls (code text COLLATE "C" PRIMARY KEY, origin text COLLATE "POSIX", carrier text, tailnum int,'
        " distance float8, hour int)"
    )
    attach(connection, "flight_delay", "calls")
    connection.execute("INSERT INTO calls SELECT 'c' || n, 'JFK', '1', 11, 1, 2 FROM generate_series(1, 2000) n")
    connection.execute("ANALYZE calls, calls_predictions, fsdb_history.weather")
    connection.execute("UPDATE weather SET wind = 6 WHERE origin = 'JFK'")
    assert len(records(connection, "calls_predictions")) == 4000
    plan = str(connection.execute("EXPLAIN SELECT prediction FROM calls_scored WHERE code = 'c7'").fetchall())
    assert "calls_predictions_code_prediction_id_idx" in plan


def test_a_table_that_was_dropped(connection: Connection) -> None:
    make(connection, gradient_boosted())
    attached(connection)
    insert(connection, row(1))
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    connection.execute("DROP TABLE orders CASCADE")
    connection.execute("UPDATE weather SET wind = 5 WHERE origin = 'JFK'")
    assert sum("orders, whose rows orders_predictions scores, is gone" in notice for notice in notices) == 1
    assert ("orders", "missing") in {(state.name, state.state) for state in status(connection, "orders_predictions")}
    undeploy(connection, "orders_predictions", drop_predictions=True)
    connection.execute("UPDATE weather SET wind = 6 WHERE origin = 'JFK'")
    left = connection.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'fsdb_models'::regnamespace").fetchall()
    assert left == []


@pytest.mark.parametrize("columns", [False, True])
def test_any_name_that_postgresql_allows(connection: Connection, database: TestDatabase, columns: bool) -> None:
    program = make(connection, gradient_boosted())
    register_model(connection, "feed_1_inserted", gradient_boosted(), inputs=INPUTS)
    deploy(connection, "feed_1_inserted", "feed_2_updated")
    connection.execute('CREATE SCHEMA "My shop"')
    connection.execute(
        'CREATE TABLE "My shop"."50% {off} a.b\'s" ("100% {x}" int, origin text, "%(y)s \'q\'" text, tailnum int, "$1" float8,'
        ' "new" int, carrier text, "Größe ""z""" int, PRIMARY KEY ("100% {x}", "%(y)s \'q\'"))'
    )
    mapped = {"distance": "$1", "hour": "new"}
    name, table = "My shop.50% {off} a.b's", '"My shop"."50% {off} a.b\'s"'
    before = objects(connection)
    attach(connection, "flight_delay", name, inputs=mapped, predictions="sales", columns=columns, backfill=True)
    connection.execute(f"INSERT INTO {table} VALUES (1, 'JFK', '%s', 11, 4, 5, '1', 6)")  # noqa: S608
    connection.execute(f'UPDATE {table} SET "new" = 6')  # noqa: S608
    connection.execute("UPDATE weather SET wind = 16 WHERE origin = 'JFK'")
    lines = records(connection, "sales")
    assert [(line["100% {x}"], line["%(y)s 'q'"], line["hour"]) for line in lines] == [(1, "%s", h) for h in (5, 6, 6)]
    check_records(connection, gradient_boosted(), program, lines)
    shadow(connection, "sales", runtime="worker")
    connection.execute(f"INSERT INTO {table} VALUES (2, 'JFK', '%s', 11, 4, 5, '1', 6)")  # noqa: S608
    assert work_once(database)
    assert records(connection, "sales_shadow")[0]["prediction"] is not None
    assert replay(connection, "sales").different == 0
    repair(connection, "sales")
    undeploy(connection, "sales", drop_predictions=True)
    assert objects(connection) == before | {one for one in objects(connection) if "pg.dropped" in one[1]}
    connection.execute("INSERT INTO feed_2_updated (origin) VALUES ('JFK')")


@pytest.mark.parametrize("columns", [False, True])
def test_a_canary_of_an_attached_table(connection: Connection, columns: bool) -> None:
    narrow = {name: INPUTS[name] for name in ("temp", "wind", "distance")}
    make(connection, gradient_boosted())
    register_model(connection, "flight_delay", _narrow(frame(300)[list(narrow)]), inputs=narrow)
    attach(connection, "flight_delay", "orders", inputs={"distance": "How far"}, version=2, columns=columns)
    with pytest.raises(ChangeRefused, match="no column 'tailnum'"):
        start_canary(connection, "orders_predictions", version=1, share=0.5, by=["distance"])
    connection.execute('ALTER TABLE orders RENAME "Tail""No" TO tailnum')
    start_canary(connection, "orders_predictions", version=1, share=0.5, by=["distance"])
    connection.execute(
        'INSERT INTO orders ("Order No", origin, carrier, tailnum, "How far", hour)'
        " SELECT n, 'JFK', '1', 11, n, 4 FROM generate_series(1, 40) n"
    )
    of = {line["Order No"]: line["model_version"] for line in records(connection)}
    assert set(of.values()) == {1, 2}
    connection.execute("UPDATE plane SET age = 9 WHERE tailnum = 11")
    again = {line["Order No"]: line["model_version"] for line in records(connection)[40:]}
    assert again.items() <= of.items(), "a key keeps its version"
    assert set(again) >= {number for number, version in of.items() if version == 1}
    table = "orders" if columns else "orders_scored"
    shown = connection.execute(f'SELECT "Order No", model_version, tailnum FROM {table}').fetchall()  # noqa: S608
    assert sorted(shown) == sorted((number, version, 11) for number, version in of.items())
    promote_canary(connection, "orders_predictions")
    connection.execute("UPDATE orders SET hour = 5")
    assert {line["model_version"] for line in records(connection)[-40:]} == {1}
    assert all(state.state == "installed" for state in status(connection, "orders_predictions"))
