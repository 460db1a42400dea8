"""Models attached to application tables: their life, what is refused, and tables of every kind."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

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
from fsdb.doctor import diagnose
from fsdb.errors import ChangeRefused, FsdbError, InvalidDefinition, UnknownName
from fsdb.migrate.repair import left
from fsdb.migrate.repair import repair as mend
from tests.conftest import TestDatabase
from tests.deployments.attached import (
    NAMED,
    attached,
    check_records,
    check_shown,
    insert,
    make,
    numbers,
    records,
    row,
)
from tests.deployments.test_deploying import _narrow, objects
from tests.deployments.world import INPUTS, PLANE, forest, frame, gradient_boosted
from tests.worker.served import work_once

Connection = psycopg.Connection


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
    refused(InvalidDefinition, "'speed' is not a key or request input", inputs={**NAMED, "speed": "note"})
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
    refused(InvalidDefinition, "valid name", "Odd name")
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


def test_a_source_that_its_application_changed(connection: Connection) -> None:
    """An input that is gone or of another type is told, and what else there is is still checked and installed."""
    make(connection, gradient_boosted())
    attached(connection)
    name = NAMED["distance"]
    connection.execute(SQL("ALTER TABLE orders RENAME COLUMN {} TO renamed_since").format(Identifier(name)))
    (source,) = [state for state in status(connection, "orders_predictions") if state.state == "unfit"]
    assert source.name == "orders"
    assert f"no column {name!r}" in str(source.problems[0])
    found = {check.name: check for check in diagnose(connection).checks}["objects of deployment orders_predictions"]
    assert (found.state, f"no column {name!r}" in found.found) == ("wrong", True)
    assert all("deployment" not in one for one in mend(connection))  # nothing that can be made anew, and no error
    assert any(f"no column {name!r}" in sentence for sentence in left(connection))
    connection.execute(SQL("ALTER TABLE orders RENAME COLUMN renamed_since TO {}").format(Identifier(name)))
    assert all(state.state == "installed" for state in status(connection, "orders_predictions"))


RETYPED = (
    ("Order No", "numeric", "integer"),  # would be rounded to the number of another row
    ("Order No", "text", "integer"),
    ("Order No", "timestamptz USING to_timestamp({column})", "integer"),
    ("hour", "float8", "bigint"),
    ("hour", "numeric(9, 2)", "bigint"),
    ("How far", "numeric", "double precision"),
    ("carrier", "integer USING {column}::integer", "text"),
    ("origin", "name", "text"),
)


def test_a_retyped_column_is_told_and_nothing_is_rounded(connection: Connection) -> None:
    """Also the columns of the primary key, by which predictions find their rows."""
    make(connection, gradient_boosted())
    attached(connection)
    insert(connection, row(1))
    connection.execute("DROP VIEW orders_scored")
    for column, kind, kept in RETYPED:
        with connection.transaction(force_rollback=True):
            connection.execute(SQL("ALTER TABLE orders ALTER {column} TYPE " + kind).format(column=Identifier(column)))
            (source,) = [state for state in status(connection, "orders_predictions") if state.state == "unfit"]
            assert f"'{column}'" in str(source.problems[0]), kind
            found = {check.name: check for check in diagnose(connection).checks}[
                "objects of deployment orders_predictions"
            ]
            assert (found.state, f"'{column}'" in found.found) == ("wrong", True)
            with (
                pytest.raises(psycopg.errors.DatatypeMismatch, match=kept) as told,
                connection.transaction(),
            ):
                connection.execute("UPDATE orders SET note = 'x', origin = 'EWR', hour = 5")
            assert column in str(told.value)
    # A narrower whole number is kept as it is.
    connection.execute('ALTER TABLE orders ALTER "Order No" TYPE smallint')
    insert(connection, row(2))
    assert all(state.state == "installed" for state in status(connection, "orders_predictions") if state.kind != "view")
    assert numbers(connection) == [1, 2]


# What an application does to its table, and how it mends that. PostgreSQL itself keeps the types of columns that row triggers name.
CHANGES = (
    ("RENAME COLUMN {distance} TO renamed_since", "RENAME COLUMN renamed_since TO {distance}", True),
    ('RENAME COLUMN "Order No" TO number', 'RENAME COLUMN number TO "Order No"', True),
    (
        "ALTER COLUMN {distance} TYPE jsonb USING to_jsonb({distance})",
        "ALTER COLUMN {distance} TYPE float8 USING {distance}::text::float8",
        False,
    ),
    ("ALTER COLUMN {tailnum} TYPE text", "ALTER COLUMN {tailnum} TYPE integer USING {tailnum}::integer", False),
    ("DROP COLUMN {distance} CASCADE", "ADD COLUMN {distance} float8", False),
)


@pytest.mark.parametrize("columns", [False, True])
def test_features_are_written_whatever_an_application_does_to_its_table(connection: Connection, columns: bool) -> None:
    """What the rows lack is a warning to who changes features, whose statement goes on; mended, rows are scored again."""
    make(connection, gradient_boosted())
    attached(connection, columns=columns)
    insert(connection, row(1), row(2))
    if not columns:
        connection.execute("DROP VIEW orders_scored")  # names the columns
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    names = {name: Identifier(column) for name, column in NAMED.items()}
    statements = (
        "UPDATE weather SET wind = wind + 1 WHERE origin = 'JFK'",
        "INSERT INTO weather (origin, temp, wind) VALUES ('BOS', 1, 2)",
        "DELETE FROM weather WHERE origin = 'BOS'",
        "TRUNCATE weather",
    )
    for change, mending, with_columns in CHANGES:
        if columns and not with_columns:
            continue
        connection.execute(SQL("ALTER TABLE orders " + change).format(**names))
        before = len(records(connection))
        notices.clear()
        for number, statement in enumerate(statements, start=1):
            connection.execute(statement)
            told = [n for n in notices if "orders cannot be scored again in orders_predictions, since" in n]
            assert len(told) == number, (change, statement, notices)
        assert len(records(connection)) == before
        assert "orders" in [state.name for state in status(connection, "orders_predictions") if state.state == "unfit"]
        connection.execute(SQL("ALTER TABLE orders " + mending).format(**names))
        notices.clear()
        connection.execute("INSERT INTO weather (origin, temp, wind) VALUES ('JFK', 1, 2)")
        assert (len(records(connection)), notices) == (before + 2, [])


def test_features_of_rows_whose_columns_became_wider_are_followed(connection: Connection) -> None:
    make(connection, gradient_boosted())
    attached(connection)
    insert(connection, row(1))
    connection.execute("DROP VIEW orders_scored")
    connection.execute("ALTER TABLE orders ALTER COLUMN origin TYPE text, ALTER COLUMN hour TYPE integer")
    before = len(records(connection))
    connection.execute("UPDATE weather SET wind = 8 WHERE origin = 'JFK'")
    assert len(records(connection)) == before + 1


def test_a_model_table_that_is_tracked(connection: Connection) -> None:
    """Undeploying it is refused while a feature set lives on it; its sequence is seen and mended as history's are."""
    make(connection, gradient_boosted())
    attached(connection)
    insert(connection, row(1), row(2))
    definition = history.tracked_definition(connection, "orders_predictions", features=["prediction"])
    with connection.transaction():
        registered = history.create(connection, definition)
    with pytest.raises(ChangeRefused, match="tracked as feature set orders_predictions"):
        undeploy(connection, "orders_predictions", drop_predictions=True)
    (sequence,) = connection.execute(
        "SELECT pg_get_serial_sequence('orders_predictions', 'prediction_id')"
    ).fetchone() or (None,)
    connection.execute("SELECT setval(%s::regclass, 1)", (sequence,))
    found = {check.name: check for check in diagnose(connection).checks}["sequences"]
    assert (found.state, "orders_predictions.prediction_id" in found.found) == ("wrong", True)
    with connection.transaction():
        assert [one for one in mend(connection) if one.startswith("sequence")]
    insert(connection, row(3))
    assert numbers(connection) == [1, 2, 3]
    with connection.transaction():
        history.drop(connection, registered)
    undeploy(connection, "orders_predictions", drop_predictions=True)
