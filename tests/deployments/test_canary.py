"""Canaries: a share of the keys, always the same ones, is scored by another version."""

import hashlib
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from fsdb.deployments import (
    deploy,
    get_deployment,
    promote_canary,
    refresh,
    register_model,
    replay,
    rollback,
    start_canary,
    status,
    stop_canary,
    undeploy,
)
from fsdb.errors import ChangeRefused, InvalidDefinition, UnknownName
from fsdb.models import native_outputs, program_of, same_outputs
from tests.deployments.test_deploying import objects
from tests.deployments.world import INPUTS, World, forest, gradient_boosted

SHARE = 0.3
MANY = "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) SELECT 'JFK', 'UA', n, n, 3 FROM generate_series(1, %s) n"


@pytest.fixture
def deployed(world: World) -> World:
    """Two versions of flight_delay, of which the first scores."""
    for seed in range(2):
        register_model(world.connection, "flight_delay", gradient_boosted(200, seed), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay", version=1)
    return world


def share_of(*key: Any) -> float:
    """fsdb.key_share in Python: the first four bytes of the MD5 of the parts with their lengths, as a fraction."""
    text = "|".join("-" if part is None else f"{len(str(part))}:{part}" for part in key)
    return int(hashlib.md5(text.encode()).hexdigest()[:8], 16) / 2**32


def rows(connection: psycopg.Connection) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM flight_delay ORDER BY prediction_id").fetchall()


def test_a_share_of_the_keys_is_scored_by_the_canary(deployed: World) -> None:
    connection = deployed.connection
    start_canary(connection, "flight_delay", version=2, share=SHARE)
    connection.execute(MANY, (400,))
    found = rows(connection)
    # The keys of both sets that are looked up: origin, carrier, tailnum.
    expected = [2 if share_of("JFK", "UA", row["tailnum"]) < SHARE else 1 for row in found]
    assert [row["model_version"] for row in found] == expected
    assert 80 < expected.count(2) < 160
    for version in (1, 2):
        estimator = gradient_boosted(200, version - 1)
        program = program_of(
            estimator, {name: {"kind": "text", "old": "boolean"}.get(name, "double precision") for name in INPUTS}
        )
        scored = [row for row in found if row["model_version"] == version][:20]
        given = [deployed.given(row, row["scored_at"]) for row in scored]
        for native, row in zip(native_outputs(estimator, program, given), scored, strict=True):
            assert same_outputs(native, {name: row[name] for name in native})
    assert replay(connection, "flight_delay").different == 0
    assert {item.state for item in status(connection, "flight_delay")} == {"installed"}


def test_a_key_stays_where_it_is_when_the_share_grows(deployed: World) -> None:
    connection = deployed.connection
    seen: dict[int, set[int]] = {}
    for share in (0.2, 0.5):
        start_canary(connection, "flight_delay", share=share, by=["tailnum"])
        connection.execute("DELETE FROM flight_delay")
        connection.execute(MANY, (200,))
        connection.execute(MANY, (200,))
        versions: dict[int, set[int]] = {}
        for row in rows(connection):
            versions.setdefault(row["tailnum"], set()).add(row["model_version"])
        assert all(len(of_key) == 1 for of_key in versions.values()), "one key, two versions"
        by_canary = {key for key, of_key in versions.items() if of_key == {2}}
        assert by_canary == {key for key in range(1, 201) if share_of(key) < share}
        assert seen.setdefault(0, by_canary) <= by_canary


def test_key_parts_do_not_run_together(connection: psycopg.Connection) -> None:
    shares = connection.execute(
        "SELECT fsdb.key_share('1', '11'), fsdb.key_share('11', '1'), fsdb.key_share('1', NULL), fsdb.key_share('1', '-')"
    ).fetchone()
    assert shares == (share_of("1", "11"), share_of("11", "1"), share_of("1", None), share_of("1", "-"))
    assert len(set(shares)) == 4


def test_stopping_and_promoting(deployed: World) -> None:
    connection = deployed.connection
    start_canary(connection, "flight_delay", share=0.5)
    stop_canary(connection, "flight_delay")
    connection.execute(MANY, (50,))
    assert {row["model_version"] for row in rows(connection)} == {1}
    start_canary(connection, "flight_delay", share=0.5)
    promote_canary(connection, "flight_delay")
    connection.execute(MANY, (50,))
    assert {row["model_version"] for row in rows(connection)[50:]} == {2}
    assert get_deployment(connection, "flight_delay").canary is None
    rollback(connection, "flight_delay")
    assert get_deployment(connection, "flight_delay").version == 1
    assert replay(connection, "flight_delay").different == 0


def test_what_happened_is_told(deployed: World) -> None:
    start_canary(deployed.connection, "flight_delay", share=0.5)
    promote_canary(deployed.connection, "flight_delay")
    events = deployed.connection.execute(
        "SELECT action, version FROM fsdb.deployment_events ORDER BY event_id"
    ).fetchall()
    assert events == [("deploy", 1), ("canary", 2), ("promote canary", 2)]


def test_a_canary_reads_its_sets_as_they_are_now(deployed: World) -> None:
    connection = deployed.connection
    start_canary(connection, "flight_delay", share=0.5)
    connection.execute("UPDATE fsdb.feature_sets SET max_age = '1 hour' WHERE name = 'weather'")
    assert refresh(connection, "weather") == ["flight_delay"]
    assert all(
        read.max_age is not None and read.max_age.total_seconds() == 3600
        for release in get_deployment(connection, "flight_delay").scoring
        for read in release.sets
        if read.feature_set == "weather"
    )
    assert refresh(connection, "weather") == []


def test_refusals_leave_everything_as_it_was(deployed: World) -> None:
    connection = deployed.connection
    register_model(connection, "flight_delay", forest(200), inputs=INPUTS)
    before = objects(connection)
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (InvalidDefinition, "between 0 and 1", {"share": 1.0}),
        (InvalidDefinition, "between 0 and 1", {"share": 0.0}),
        (ChangeRefused, "scores all of flight_delay already", {"version": 1}),
        (UnknownName, "has no version 9", {"version": 9}),
        (UnknownName, "in stage 'production'", {"version": "production"}),
        (InvalidDefinition, "has no column 'nothing'", {"version": 2, "by": ["nothing"]}),
        (InvalidDefinition, "has no column 'prediction'", {"version": 2, "by": ["prediction"]}),
        (ChangeRefused, "predicts double precision", {"version": 3}),
    ]
    for error, message, arguments in refused:
        with pytest.raises(error, match=message):
            start_canary(connection, "flight_delay", **arguments)
    for change in (stop_canary, promote_canary):
        with pytest.raises(ChangeRefused, match="has no canary"):
            change(connection, "flight_delay")
    assert objects(connection) == before


def test_undeploying_leaves_nothing_of_a_canary(world: World) -> None:
    connection = world.connection
    for seed in range(2):
        register_model(connection, "flight_delay", gradient_boosted(200, seed), inputs=INPUTS)
    before = objects(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    start_canary(connection, "flight_delay", share=0.5)
    undeploy(connection, "flight_delay")
    assert objects(connection) == before
