"""What scoring costs, and how versions compare once labels are there, against the same computed from the rows in Python."""

import math
import statistics
from typing import Any

import pytest
from psycopg.rows import dict_row
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    roc_auc_score,
)

from fsdb.deployments import deploy, register_model, start_canary
from fsdb.deployments.measures import compare, costs
from fsdb.errors import InvalidDefinition, UnknownName
from tests.deployments.world import INPUTS, World, forest, frame, gradient_boosted, strict, three_classes

MANY = "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) SELECT 'JFK', 'UA', n, n * 7, n %% 24 FROM generate_series(1, %s) n"


def deployed(world: World, make: Any, rows: int = 120) -> list[dict[str, Any]]:
    """Two versions, the second one a canary, and rows that they scored."""
    connection = world.connection
    for seed in range(2):
        register_model(connection, "flight_delay", make(200, seed), inputs=INPUTS)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    start_canary(connection, "flight_delay", share=0.4)
    connection.execute(MANY, (rows,))
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM flight_delay ORDER BY prediction_id").fetchall()


def label(world: World, kind: str, values: list[Any]) -> None:
    world.connection.execute(f"CREATE TABLE outcomes (flight bigint, late {kind})")  # type: ignore[arg-type]
    with world.connection.cursor() as cursor:
        cursor.executemany("INSERT INTO outcomes VALUES (%s, %s)", list(enumerate(values, start=1)))


def as_dicts(table: Any) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_two_classes(world: World) -> None:
    rows = deployed(world, gradient_boosted)
    outcomes = [None if n % 5 == 0 else row["prediction"] ^ (n % 3 == 0) for n, row in enumerate(rows)]
    label(world, "boolean", outcomes)
    found = as_dicts(compare(world.connection, "flight_delay", "outcomes", "late", "flight"))
    assert [(row["role"], row["model_version"]) for row in found] == [("live", 1), ("canary", 2)]
    for measured in found:
        mine = [row for row in rows if row["model_version"] == measured["model_version"]]
        known = [(row, late) for row, late in zip(rows, outcomes, strict=True) if row in mine and late is not None]
        late = [outcome for _, outcome in known]
        probabilities = [row["probability"] for row, _ in known]
        assert (measured["rows"], measured["labelled"], measured["errors"]) == (len(mine), len(known), 0)
        assert math.isclose(measured["accuracy"], accuracy_score(late, [row["prediction"] for row, _ in known]))
        assert math.isclose(measured["log_loss"], log_loss(late, probabilities))
        assert math.isclose(measured["brier"], brier_score_loss(late, probabilities))
        assert math.isclose(measured["auc"], roc_auc_score(late, probabilities))
        assert measured["mae"] is None


def test_numbers(world: World) -> None:
    rows = deployed(world, forest)
    label(world, "double precision", [row["prediction"] + n % 7 - 2 for n, row in enumerate(rows)])
    found = as_dicts(compare(world.connection, "flight_delay", "public.outcomes", "late", "flight"))
    for measured in found:
        errors = [n % 7 - 2 for n, row in enumerate(rows) if row["model_version"] == measured["model_version"]]
        zeros = [0.0] * len(errors)
        assert math.isclose(measured["mae"], mean_absolute_error(zeros, errors))
        assert math.isclose(measured["rmse"], math.sqrt(mean_squared_error(zeros, errors)))
        assert math.isclose(measured["bias"], -statistics.fmean(errors), abs_tol=1e-12)
        assert measured["accuracy"] is None


def test_several_classes(world: World) -> None:
    rows = deployed(world, three_classes)
    label(world, "text", [row["prediction"] if n % 4 else "elsewhere" for n, row in enumerate(rows)])
    for measured in as_dicts(compare(world.connection, "flight_delay", "outcomes", "late", "flight")):
        right = [n % 4 > 0 for n, row in enumerate(rows) if row["model_version"] == measured["model_version"]]
        assert math.isclose(measured["accuracy"], statistics.fmean(right))
        assert measured["auc"] is None


def test_labels_of_one_class_have_no_auc(world: World) -> None:
    label(world, "boolean", [True for _ in deployed(world, gradient_boosted)])
    for measured in as_dicts(compare(world.connection, "flight_delay", "outcomes", "late", "flight")):
        assert measured["auc"] is None
        assert measured["log_loss"] > 0


def test_costs_by_version(world: World) -> None:
    rows = deployed(world, gradient_boosted)
    found = as_dicts(costs(world.connection, "flight_delay"))
    assert [(row["model_version"], row["role"], row["runtime"]) for row in found] == [
        (1, "live", "sql"),
        (2, "canary", "sql"),
    ]
    for row in found:
        times = [given["scoring_us"] for given in rows if given["model_version"] == row["model_version"]]
        assert all(time >= 0 for time in times)
        assert (row["rows"], row["errors"], row["pending"], row["rejected"]) == (len(times), 0, 0, 0)
        assert math.isclose(row["scoring_ms"], sum(times) / 1000)
        assert math.isclose(row["mean_us"], statistics.fmean(times))
        assert math.isclose(row["p50_us"], statistics.median(times))
        assert row["p50_us"] <= row["p99_us"] <= max(times)
    half = rows[60]["scored_at"]
    since = as_dicts(costs(world.connection, "flight_delay", since=half))
    assert sum(row["rows"] for row in since) == sum(row["scored_at"] >= half for row in rows)
    assert as_dicts(costs(world.connection)) == found


def test_a_version_that_scored_nothing_is_there(world: World) -> None:
    register_model(world.connection, "flight_delay", gradient_boosted(), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay")
    (row,) = as_dicts(costs(world.connection, "flight_delay"))
    assert (row["rows"], row["mean_us"], row["first_at"]) == (0, None, None)


def test_unknown_names(world: World) -> None:
    for read in (
        lambda: costs(world.connection, "nothing"),
        lambda: compare(world.connection, "nothing", "outcomes", "late"),
    ):
        with pytest.raises(UnknownName, match="nothing"):
            read()


def test_labels_that_cannot_be_read(world: World) -> None:
    deployed(world, gradient_boosted, 9)
    world.connection.execute("CREATE TABLE outcomes (prediction_id bigint, late boolean, noted text)")
    for labels, label, id_column, said in (
        ("nothing", "late", "prediction_id", "of nothing: relation"),
        ("outcomes", "latte", "prediction_id", "columns prediction_id and latte of outcomes: column"),
        ("outcomes", "late", "flight", "columns flight and late of outcomes: column"),
        ("outcomes", "late", "noted", "columns noted and late of outcomes: operator"),
    ):
        with world.connection.transaction():
            with pytest.raises(InvalidDefinition, match=said):
                compare(world.connection, "flight_delay", labels, label, id_column)
            assert len(costs(world.connection, "flight_delay")) == 2  # the transaction goes on


def test_the_report_of_each_comparison_is_kept(world: World) -> None:
    register_model(world.connection, "flight_delay", strict(), inputs=INPUTS, rows=frame(50).to_dict("records"))
    deploy(world.connection, "flight_delay", "flight_delay")
    (report,) = world.connection.execute(
        "SELECT version, runtime, deployment, rows_checked, rows_refused, largest_difference, tolerance FROM fsdb.parity_reports"
    ).fetchall()
    refused = world.connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE refused) FROM fsdb.model_checks"
    ).fetchone()
    assert report[:3] == (1, "sql", "flight_delay")
    assert report[3:5] == refused
    assert 0 < report[4] < report[3]
    assert report[5] <= report[6] == 1e-9
