"""Shadows: another version scores beside the live one, is recorded, never returned, and never in the way."""

from typing import Any

import psycopg
import pytest

from fsdb.catalog.deployments import get_deployment, list_events
from fsdb.catalog.models import program_text
from fsdb.deployments import (
    attach,
    compare,
    deploy,
    lineage,
    promote_shadow,
    register_model,
    repair,
    replay,
    rollback,
    shadow,
    start_canary,
    status,
    stop_shadow,
    undeploy,
)
from fsdb.errors import ChangeRefused
from fsdb.models import Program
from tests.deployments.attached import NAMED, check_records, insert, make, records, row
from tests.deployments.test_deploying import _narrow, objects
from tests.deployments.world import INPUTS, frame, gradient_boosted, strict

Connection = psycopg.Connection
INSERT = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES ('JFK', '1', 11, %s, 3) RETURNING *"
)
LIVE, OTHER = gradient_boosted, strict


def two_versions(connection: Connection) -> tuple[Program, Program]:
    """Version 1 takes NULL, version 2 does not."""
    first = make(connection, LIVE())
    second = register_model(connection, "flight_delay", OTHER(), inputs=INPUTS)
    return first, Program.from_json(program_text(connection, "flight_delay", second.version))


def put(connection: Connection, *distances: float | None) -> None:
    """Inserts a row for each distance, one statement each."""
    for distance in distances:
        connection.execute(INSERT, [distance])


def test_every_row_is_scored_by_both(connection: Connection) -> None:
    first, second = two_versions(connection)
    connection.execute("UPDATE weather SET wind = 1 WHERE origin = 'JFK'")
    deploy(connection, "flight_delay", "flight_delay", version=1)
    put(connection, 1.0)
    assert shadow(connection, "flight_delay").name == "flight_delay_shadow"
    put(connection, 800.0)
    connection.execute(
        "INSERT INTO flight_delay (hour, distance, tailnum, carrier, origin) SELECT n % 24, n * 100, 11, '1', 'JFK' FROM generate_series(1, 20) n"
    )
    put(connection, None)
    live, beside = records(connection, "flight_delay"), records(connection, "flight_delay_shadow")
    assert [line["of_prediction"] for line in beside] == [line["prediction_id"] for line in live[1:]]
    for line, other in zip(live[1:], beside, strict=True):
        for name in ("origin", "carrier", "tailnum", "distance", "hour", "weather_version", "plane_version"):
            assert line[name] == other[name]
        assert (line["model_version"], other["model_version"]) == (1, 2)
    check_records(connection, LIVE(), first, live)
    check_records(connection, OTHER(), second, beside[:-1])
    assert beside[-1]["prediction"] is None
    assert beside[-1]["error"] is not None
    assert replay(connection, "flight_delay_shadow").different == 0
    assert len(lineage(connection, "flight_delay_shadow", 3).rows) == len(INPUTS)


def test_the_live_insert_goes_on_whatever_happens_to_the_shadow(connection: Connection) -> None:
    two_versions(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay")
    plain = connection.execute(INSERT, [5.0]).fetchone()
    connection.execute("ALTER TABLE flight_delay_shadow RENAME TO elsewhere")
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    with_broken = connection.execute(INSERT, [5.0]).fetchone()
    assert plain is not None
    assert with_broken is not None
    assert len(plain) == len(with_broken)
    assert len(notices) == 1
    assert "lacks rows of its shadow" in notices[0]
    assert connection.execute("SELECT count(*) FROM elsewhere").fetchone() == (1,)


def test_an_application_needs_no_right_on_the_shadow(connection: Connection) -> None:
    two_versions(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay")
    name = f"app_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {name}")
    try:
        connection.execute(f"GRANT SELECT, INSERT ON flight_delay TO {name}")
        connection.execute(f"SET ROLE {name}")
        put(connection, 5.0)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM flight_delay_shadow")
        connection.execute("RESET ROLE")
        assert len(records(connection, "flight_delay_shadow")) == 1
    finally:
        connection.execute("RESET ROLE")
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


def test_stopping_and_taking_up_again(connection: Connection) -> None:
    two_versions(connection)
    register_model(connection, "flight_delay", LIVE(300, 5), inputs=INPUTS)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    before = objects(connection)
    shadow(connection, "flight_delay", version=2)
    put(connection, 1.0)
    stop_shadow(connection, "flight_delay")
    put(connection, 2.0)
    with pytest.raises(ChangeRefused, match="no shadow"):
        stop_shadow(connection, "flight_delay")
    with pytest.raises(ChangeRefused, match="no shadow"):
        promote_shadow(connection, "flight_delay")
    shadow(connection, "flight_delay", version=3)
    put(connection, 3.0)
    assert all(state.state == "installed" for state in status(connection, "flight_delay_shadow"))
    found = [(line["of_prediction"], line["model_version"]) for line in records(connection, "flight_delay_shadow")]
    assert found == [(1, 2), (3, 3)]
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute("UPDATE flight_delay_shadow SET of_prediction = 2")
    with pytest.raises(ChangeRefused, match="has a shadow already, version 3"):
        shadow(connection, "flight_delay", version=2)
    stop_shadow(connection, "flight_delay", drop_predictions=True)
    put(connection, 4.0)
    assert objects(connection) == before
    actions = [(event["action"], event["version"]) for event in list_events(connection, "flight_delay")]
    assert actions == [("deploy", 1), ("shadow", 2), ("stop shadow", 2), ("shadow", 3), ("stop shadow", 3)]


def test_promoting(connection: Connection) -> None:
    two_versions(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay")
    put(connection, 1.0)
    before = objects(connection)
    with connection.transaction(force_rollback=True):
        promote_shadow(connection, "flight_delay")
        put(connection, 1.0)
    assert objects(connection) == before
    promote_shadow(connection, "flight_delay")
    put(connection, 2.0)
    assert [line["model_version"] for line in records(connection, "flight_delay")] == [1, 2]
    assert len(records(connection, "flight_delay_shadow")) == 1
    rollback(connection, "flight_delay")
    shadow(connection, "flight_delay")
    put(connection, 3.0)
    assert [line["model_version"] for line in records(connection, "flight_delay")] == [1, 2, 1]
    assert [line["of_prediction"] for line in records(connection, "flight_delay_shadow")] == [1, 4]


def test_undeploying_takes_the_shadow_along(connection: Connection) -> None:
    two_versions(connection)
    before = objects(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay")
    undeploy(connection, "flight_delay")
    assert objects(connection) == before
    deploy(connection, "flight_delay", "flight_delay", version=1)
    alone = objects(connection)
    with connection.transaction(force_rollback=True):
        shadow(connection, "flight_delay")
        put(connection, 1.0)
    assert objects(connection) == alone
    shadow(connection, "flight_delay")
    undeploy(connection, "flight_delay_shadow")
    put(connection, 1.0)
    assert objects(connection) == alone
    shadow(connection, "flight_delay")
    put(connection, 1.0)
    with pytest.raises(ChangeRefused, match="drop_predictions"):
        undeploy(connection, "flight_delay")
    put(connection, 1.0)
    assert len(records(connection, "flight_delay_shadow")) == 2
    undeploy(connection, "flight_delay", drop_predictions=True)
    assert objects(connection) == before


def test_refused(connection: Connection) -> None:
    make(connection, LIVE())
    narrow = {name: INPUTS[name] for name in ("temp", "wind", "distance")}
    register_model(connection, "flight_delay", _narrow(frame(300)[list(narrow)]), inputs=narrow)
    deploy(connection, "flight_delay", "flight_delay", version=2)

    def refused(match: str, **options: Any) -> None:
        before = objects(connection)
        with pytest.raises(ChangeRefused, match=match):
            shadow(connection, "flight_delay", **options)
        assert objects(connection) == before

    refused("'hour'|'carrier'|'tailnum'", version=1)
    refused("is what flight_delay scores with", version=2)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    connection.execute("CREATE TABLE flight_delay_shadow ()")
    refused("already a table flight_delay_shadow|is already", version=2)
    connection.execute("DROP TABLE flight_delay_shadow")
    shadow(connection, "flight_delay", version=2)
    with pytest.raises(ChangeRefused, match="is a shadow itself"):
        shadow(connection, "flight_delay_shadow", version=1)


def test_releases_of_the_live_version(connection: Connection) -> None:
    two_versions(connection)
    register_model(connection, "flight_delay", LIVE(300, 5), inputs=INPUTS)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay", version=2)
    start_canary(connection, "flight_delay", version=3, share=0.5)
    for number in range(4):
        connection.execute(INSERT, [float(number)])
    deploy(connection, "flight_delay", "flight_delay", version=3)
    put(connection, 8.0)
    deploy(connection, "flight_delay", "flight_delay_shadow", version=1)
    put(connection, 9.0)
    found = [(line["of_prediction"], line["model_version"]) for line in records(connection, "flight_delay_shadow")]
    assert found == [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 1)]
    (trigger,) = connection.execute("SELECT tgname FROM pg_trigger WHERE tgname ~ 'feed'").fetchall()
    connection.execute(f"DROP TRIGGER {trigger[0]} ON flight_delay")
    assert [s.name for s in status(connection, "flight_delay_shadow") if s.state != "installed"] == [trigger[0]]
    repair(connection, "flight_delay_shadow")
    put(connection, 10.0)
    assert len(records(connection, "flight_delay_shadow")) == 7


def test_shadow_of_an_attached_table(connection: Connection) -> None:
    first, second = two_versions(connection)
    before = objects(connection)
    attach(connection, "flight_delay", "orders", inputs=NAMED, version=1)
    shadow(connection, "orders_predictions")
    insert(connection, row(1), row(2, origin="EWR"))
    connection.execute("UPDATE weather SET wind = 2 WHERE origin = 'JFK'")
    connection.execute('UPDATE orders SET hour = 9 WHERE "Order No" = 2')
    live, beside = records(connection), records(connection, "orders_predictions_shadow")
    assert [line["Order No"] for line in live] == [1, 2, 1, 2]
    assert [line["of_prediction"] for line in beside] == [1, 2, 3, 4]
    check_records(connection, LIVE(), first, live)
    known = [line for line in beside if line["error"] is None]
    assert len(known) == 4
    check_records(connection, OTHER(), second, known)
    promote_shadow(connection, "orders_predictions")
    insert(connection, row(3))
    assert records(connection)[-1]["model_version"] == 2
    assert get_deployment(connection, "orders_predictions").version == 2
    undeploy(connection, "orders_predictions", drop_predictions=True)
    assert objects(connection) == before


def test_a_shadow_that_loses_an_input_stops_the_release(connection: Connection) -> None:
    make(connection, LIVE())
    narrow = {name: INPUTS[name] for name in ("temp", "wind", "distance")}
    register_model(connection, "flight_delay", _narrow(frame(300)[list(narrow)]), inputs=narrow)
    register_model(connection, "flight_delay", LIVE(300, 3), inputs=INPUTS)
    attach(connection, "flight_delay", "orders", inputs=NAMED, version=1)
    shadow(connection, "orders_predictions")
    with pytest.raises(ChangeRefused, match="no column"):
        deploy(connection, "flight_delay", "orders_predictions", version=2)
    stop_shadow(connection, "orders_predictions")
    deploy(connection, "flight_delay", "orders_predictions", version=2)
    insert(connection, row(1))
    assert [line["model_version"] for line in records(connection)] == [2]


def test_it_is_compared_with_the_live_version(connection: Connection) -> None:
    two_versions(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    shadow(connection, "flight_delay")
    put(connection, *(100.0 * n for n in range(30)), None)
    connection.execute("CREATE TABLE outcomes AS SELECT prediction_id, prediction_id % 2 = 0 AS late FROM flight_delay")
    of_live = connection.execute("SELECT prediction_id, prediction FROM flight_delay").fetchall()
    of_shadow = connection.execute(
        "SELECT of_prediction, prediction FROM flight_delay_shadow WHERE error IS NULL"
    ).fetchall()
    compared = compare(connection, "flight_delay", "outcomes", "late")
    found = [dict(zip(compared.columns, values, strict=True)) for values in compared.rows]
    assert [(m["role"], m["model_version"], m["rows"], m["errors"]) for m in found] == [
        ("live", 1, 31, 0),
        ("shadow", 2, 31, 1),
    ]
    for measured, predicted in zip(found, (of_live, of_shadow), strict=True):
        right = sum(prediction == (number % 2 == 0) for number, prediction in predicted)
        assert measured["labelled"] == len(predicted)
        assert measured["accuracy"] == pytest.approx(right / len(predicted))
