"""Models attached to application tables: which rows are scored, against the native predict on features found by brute force."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from fsdb.deployments import (
    replay,
    status,
    undeploy,
)
from fsdb.errors import InvalidDefinition
from tests.deployments.attached import (
    attached,
    check_records,
    check_shown,
    insert,
    make,
    numbers,
    records,
    row,
    versions,
)
from tests.deployments.world import forest, gradient_boosted, strict, three_classes
from tests.oracle import as_of

Connection = psycopg.Connection


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
