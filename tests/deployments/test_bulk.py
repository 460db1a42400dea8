"""Rows scored in one call, against the same rows inserted one by one, and against the native predict by brute force."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg.rows import dict_row
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fsdb import history
from fsdb.catalog.models import program_text
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import deploy, register_model
from fsdb.deployments.bulk import outside, score
from fsdb.deployments.canary import start_canary
from fsdb.errors import InvalidData, InvalidDefinition, UnknownName
from fsdb.models import Program, native_outputs, same_outputs
from tests.conftest import TestDatabase
from tests.deployments.world import (
    INPUTS,
    World,
    forest,
    frame,
    gradient_boosted,
    requests,
    strict,
    three_classes,
)

NAME = "flight_delay"
INSERT = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s) RETURNING *"
)
TYPES = pa.schema(
    [
        ("origin", pa.string()),
        ("carrier", pa.string()),
        ("tailnum", pa.int64()),
        ("distance", pa.float64()),
        ("hour", pa.int64()),
    ]
)
VERSIONS = ("weather_version", "plane_version")


@pytest.fixture(params=["onnx", "sql"])
def back_end(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Scoring in this process, and in the database as where onnxruntime is not installed."""
    if request.param == "sql":
        monkeypatch.setattr(outside, "scorer_of", lambda *_: None)
    return request.param


def deployed(connection: psycopg.Connection, estimator: Any, on_error: str | None = None) -> Program:
    """Registers the estimator as flight_delay and deploys it as the table of that name."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    version = register_model(connection, NAME, estimator, inputs=INPUTS, rows=rows)
    deploy(connection, NAME, NAME, on_error=on_error)
    return Program.from_json(program_text(connection, NAME, version.version))


def given(rows: list[dict[str, Any]] | None = None) -> pa.Table:
    """Requests as a table."""
    return pa.Table.from_pylist(requests() if rows is None else rows, TYPES)


def inserted(connection: psycopg.Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What inserting each row by itself gives."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [dict(cursor.execute(INSERT, row).fetchone() or {}) for row in rows]


def results(row: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a row as same_outputs compares them."""
    return {name: row[name] for name in ("prediction", "probability", "probabilities") if name in row}


@pytest.mark.parametrize("make", [gradient_boosted, three_classes, forest])
def test_gives_what_inserts_give(world: World, back_end: str, make: Callable[[], Any]) -> None:
    program = deployed(world.connection, make())
    found = score(world.connection, NAME, given())
    assert found.schema.metadata[b"fsdb_scored_by"] == back_end.encode()
    probabilities = {gradient_boosted: ["probability"], three_classes: ["probability", "probabilities"], forest: []}
    assert found.column_names == [
        *TYPES.names,
        "prediction",
        *probabilities[make],
        "model_version",
        "scored_at",
        *VERSIONS,
    ]
    assert found.select(TYPES.names).equals(given())
    records = inserted(world.connection, requests())
    for request, one, record in zip(requests(), found.to_pylist(), records, strict=True):
        assert same_outputs(results(record), results(one), program.tolerance), request
        assert [one[name] for name in VERSIONS] == [record[name] for name in VERSIONS]
        assert one["model_version"] == 1
    assert len(set(found.column("scored_at").to_pylist())) == 1
    estimator = make()
    at = found.column("scored_at")[0].as_py()
    natives = native_outputs(estimator, program, [world.given(request, at) for request in requests()])
    assert all(
        same_outputs(native, results(one), program.tolerance)
        for native, one in zip(natives, found.to_pylist(), strict=True)
    )
    assert world.connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (len(records),)


@pytest.mark.parametrize("labels", [(0, 1), ('a, "b"', "{c}"), None])
def test_several_targets_are_a_list(
    connection: psycopg.Connection, back_end: str, labels: tuple[Any, ...] | None
) -> None:
    data = pd.DataFrame({"size": [0.0, 1.0, 2.0, 5.0], "weight": [1.0, 0.0, 3.0, 1.0]})
    if labels is None:
        estimator = DecisionTreeRegressor().fit(data, [[0.5, 1.0], [1.0, 0.0], [2.0, 2.0], [0.0, -1.0]])
    else:
        targets = np.array(labels, dtype=object)[[[0, 1], [1, 0], [1, 1], [0, 0]]]
        estimator = DecisionTreeClassifier().fit(data, targets.astype(int) if labels == (0, 1) else targets.astype(str))
    types = {"size": "float8", "weight": "float8"}
    register_model(connection, "both", estimator, inputs=types, rows=data.to_dict("records"))
    deploy(connection, "both", "both")
    found = score(connection, "both", data)
    assert found.column("prediction").to_pylist() == estimator.predict(data).tolist()
    assert score(connection, "both", data, record=True).column("prediction").equals(found.column("prediction"))
    assert score(connection, "both", data[:0]).schema.field("prediction") == found.schema.field("prediction")


def test_the_order_of_rows_does_not_matter(world: World, back_end: str) -> None:
    deployed(world.connection, three_classes())
    rows = requests() * 3
    order = list(range(len(rows)))
    random.Random(4).shuffle(order)
    found = score(world.connection, NAME, given(rows)).drop_columns(["scored_at"]).to_pylist()
    shuffled = score(world.connection, NAME, given([rows[n] for n in order])).drop_columns(["scored_at"]).to_pylist()
    assert shuffled == [found[n] for n in order]


def test_takes_frames_files_and_queries_alike(world: World, tmp_path: Path) -> None:
    deployed(world.connection, gradient_boosted())
    table = given().append_column("note", pa.array([f"row {n}" for n in range(len(requests()))]))
    table = table.select(["note", "hour", *TYPES.names[:4]])  # another order, and a column that nobody asks for
    pq.write_table(table, tmp_path / "rows.parquet")
    world.connection.execute(
        "CREATE TABLE asked (note text, hour int, origin text, carrier text, tailnum int, distance float8)"
    )
    with world.connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO asked VALUES (%s, %s, %s, %s, %s, %s)", [tuple(r.values()) for r in table.to_pylist()]
        )
    expected = score(world.connection, NAME, table).drop_columns(["scored_at"])
    assert expected.column("note").to_pylist() == [f"row {n}" for n in range(len(requests()))]
    query = "SELECT note, hour, origin, carrier, tailnum, distance FROM asked ORDER BY substr(note, 5)::int;"
    for data in (
        table.to_pandas(),
        pl.from_arrow(table),
        tmp_path / "rows.parquet",
        str(tmp_path / "rows.parquet"),
        query,
    ):
        found = score(world.connection, NAME, data).drop_columns(["scored_at"])
        assert found.column_names == expected.column_names
        added = expected.column_names[6:]
        assert found.select(added).cast(expected.select(added).schema) == expected.select(added)


def test_no_rows_give_a_table_of_the_same_types(world: World, back_end: str) -> None:
    deployed(world.connection, three_classes())
    some = score(world.connection, NAME, given(), on_error="null")
    none = score(world.connection, NAME, given([]), on_error="null")
    assert none.num_rows == 0
    assert none.schema == some.schema
    assert none.select(TYPES.names).schema == TYPES


def test_values_that_come_later_count_from_their_moment_on(world: World, back_end: str) -> None:
    """Also where they were recorded late or dated ahead, and a deletion counts as none."""
    deployed(world.connection, gradient_boosted())
    rows = [{**requests()[0], "origin": origin} for origin in ("JFK", "BOS", "LGA")]
    before = score(world.connection, NAME, given(rows)).column("weather_version").to_pylist()
    assert before == [2, 7, 3]  # BOS has a version of tomorrow
    now = datetime.now(UTC)
    world.write("weather", ("JFK",), now - timedelta(hours=5), temp=1.0, wind=1)  # late: not the newest
    soon = world.write("weather", ("BOS",), now + timedelta(seconds=0.4), temp=-5.0, wind=1)
    gone = world.write("weather", ("LGA",), now)
    assert score(world.connection, NAME, given(rows)).column("weather_version").to_pylist() == [2, 7, gone]
    while datetime.now(UTC) < now + timedelta(seconds=0.5):
        pass
    after = score(world.connection, NAME, given(rows))
    assert after.column("weather_version").to_pylist() == [2, soon, gone]
    assert [r["weather_version"] for r in inserted(world.connection, rows)] == [2, soon, gone]


@pytest.fixture
def living(connection: psycopg.Connection) -> psycopg.Connection:
    """Two sets with live tables, and a model of one feature of each deployed as both_delay."""
    for name in ("north", "south"):
        with connection.transaction():
            history.create(
                connection, FeatureSet(name, {f"{name}_id": "integer"}, (Feature(f"{name}_size", "float8"),))
            )
    data = pd.DataFrame({"north_size": [0.0, 1.0, 2.0, 5.0], "south_size": [1.0, 0.0, 3.0, 1.0]})
    inputs = {"north_size": "north.north_size", "south_size": "south.south_size"}
    estimator = HistGradientBoostingRegressor().fit(data, [0.0, 1.0, 2.0, 3.0])
    register_model(connection, "both", estimator, inputs=inputs, rows=data.to_dict("records"))
    deploy(connection, "both", "both_delay")
    return connection


def test_sees_what_its_own_transaction_wrote(living: psycopg.Connection) -> None:
    with living.transaction(force_rollback=True):
        written = "INSERT INTO north (north_id, north_size) VALUES (7, 12)"
        living.execute(written)
        living.execute(
            "CREATE TEMPORARY TABLE mine ON COMMIT DROP AS SELECT 7 AS north_id, 7 AS south_id, 1.5::numeric AS note"
        )
        (row,) = score(living, "both_delay", "SELECT * FROM mine").to_pylist()
        assert row["north_version"] is not None
        assert row["south_version"] is None
        assert row["note"] == "1.5"


def test_reads_one_snapshot_while_others_write(living: psycopg.Connection, database: TestDatabase) -> None:
    """Two sets are changed together in every transaction; a call never sees one of them without the other."""
    stop = threading.Event()
    moment = datetime.now(UTC) - timedelta(hours=1)
    write = (
        "INSERT INTO {0} ({0}_id, {0}_size, event_time) VALUES (1, 1, %(at)s)"
        " ON CONFLICT ({0}_id) DO UPDATE SET {0}_size = {0}.{0}_size + 1, event_time = excluded.event_time"
    )

    def keep_writing() -> None:
        with database.connect() as connection:
            number = 0
            while not stop.is_set():
                number += 1
                with connection.transaction():
                    for name in ("north", "south"):
                        connection.execute(write.format(name), {"at": moment + timedelta(milliseconds=number)})

    writer = threading.Thread(target=keep_writing)
    writer.start()
    seen = set()
    row = pa.table({"north_id": [1] * 3, "south_id": [1] * 3})
    try:
        for _ in range(40):
            found = score(living, "both_delay", row).select(["north_version", "south_version"]).to_pylist()
            assert all(one == found[0] for one in found)
            seen.add(tuple(found[0].values()))
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 3
    # Each set has the writer's transactions alone, numbered alike.
    assert all(north == south for north, south in seen)


def test_a_row_that_the_model_does_not_take_is_named(world: World, back_end: str) -> None:
    deployed(world.connection, strict())
    good = {"origin": "JFK", "carrier": "1", "tailnum": 11, "distance": 100.0, "hour": 3}
    rows = [good, good, {**good, "distance": None}, {**good, "origin": "nowhere"}, good]
    with pytest.raises(
        InvalidData, match=r'row 2 of the data, counted from 0 \(2 of 5 rows are refused\).*input "distance"'
    ):
        score(world.connection, NAME, given(rows))
    with pytest.raises(InvalidData, match=r"row 2 of the data"):
        score(world.connection, NAME, given(rows), record=True)
    assert world.connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (0,)
    found = score(world.connection, NAME, given(rows), on_error="null")
    assert found.column_names[-1] == "error"
    errors = found.column("error").to_pylist()
    assert [error is None for error in errors] == [True, True, False, False, True]
    assert '"distance"' in errors[2]
    assert '"temp"' in errors[3]
    for name in ("prediction", "probability"):
        assert [value is None for value in found.column(name).to_pylist()] == [False, False, True, True, False]
    assert found.column("plane_version").to_pylist() == [1] * 5
    single = score(world.connection, NAME, given([good])).to_pylist()[0]
    assert [found.column("probability")[n].as_py() for n in (0, 1, 4)] == pytest.approx(
        [single["probability"]] * 3, rel=1e-12
    )


def test_both_back_ends_refuse_the_same_rows_in_the_same_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(world.connection, strict())
    rows = given([{**r, "distance": d} for r in requests() for d in (None, float("nan"), float("inf"), 1.0)])
    one = score(world.connection, NAME, rows, on_error="null")
    monkeypatch.setattr(outside, "scorer_of", lambda *_: None)
    other = score(world.connection, NAME, rows, on_error="null")
    assert one.column("error").equals(other.column("error"))
    assert one.column("error").null_count not in (0, len(rows))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.drop_columns(["tailnum", "hour"]), InvalidData, "no column 'tailnum', 'hour'"),
        (
            lambda t: t.set_column(0, "origin", pa.array(range(36))),
            InvalidData,
            "'origin' of the data is of type bigint.*takes it as text",
        ),
        (
            lambda t: t.set_column(3, "distance", pa.array(["far"] * 36)),
            InvalidData,
            "'distance' of the data is of type text.*double precision",
        ),
        (
            lambda t: t.set_column(4, "hour", pa.array([1.5] * 36)),
            InvalidData,
            "'hour' of the data holds 1.5 in row 0, which is not a whole number",
        ),
        (
            lambda t: t.set_column(2, "tailnum", pa.array([2.0**63] * 36)),
            InvalidData,
            "'tailnum' of the data holds .* in row 0, which is out of range of bigint",
        ),
        (lambda t: t.set_column(0, "origin", pa.array(["a\0b"] * 36)), InvalidData, "zero byte"),
        (
            lambda t: t.append_column("prediction", pa.array([True] * 36)),
            InvalidData,
            "'prediction', which flight_delay fills in itself",
        ),
        (lambda t: t.append_column("hour", pa.array([1] * 36)), InvalidData, "two columns named 'hour'"),
        (lambda _: "SELECT nothing", InvalidDefinition, "data query does not run"),
        (lambda _: "nowhere.parquet", InvalidData, "there are none"),
        (lambda _: 7, InvalidData, "A int cannot be the data"),
    ],
)
def test_bad_data_is_refused_and_nothing_is_done(
    world: World, change: Callable[[pa.Table], Any], error: type, message: str
) -> None:
    deployed(world.connection, gradient_boosted())
    for record in (False, True):
        with pytest.raises(error, match=message):
            score(world.connection, NAME, change(given()), record=record)
    assert world.connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (0,)


def test_bad_arguments_are_refused(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    with pytest.raises(UnknownName, match=r"flight_delays.*flight_delay"):
        score(world.connection, "flight_delays", given())
    with pytest.raises(InvalidDefinition, match="no on_error 'ignore'"):
        score(world.connection, NAME, given(), on_error="ignore")


def test_numbers_of_other_kinds_are_taken_as_an_insert_takes_them(world: World, back_end: str) -> None:
    deployed(world.connection, gradient_boosted())
    plain = score(world.connection, NAME, given())
    added = ["prediction", "probability", *VERSIONS]
    pandas = given().to_pandas()  # whole numbers with gaps as floats
    assert score(world.connection, NAME, pandas.assign(hour=pandas["hour"].astype("int8"))).select(
        added
    ) == plain.select(added)
    exact = [None if d is None else Decimal(d) for d in given().column("distance").to_pylist()]
    near = [None if d is None else d.quantize(Decimal("1e-9")) for d in exact]
    decimals = given().set_column(3, "distance", pa.array(near, pa.decimal128(30, 9)))
    rounded = given().set_column(3, "distance", pa.array([None if d is None else float(d) for d in near]))
    assert score(world.connection, NAME, decimals).select(added) == score(world.connection, NAME, rounded).select(added)
    categories = pd.Series(given().column("origin").to_pylist(), dtype="category")
    assert score(world.connection, NAME, pandas.assign(origin=categories)).select(added) == plain.select(added)
    nothing = given().set_column(3, "distance", pa.nulls(36))
    empty = given().set_column(3, "distance", pa.array([None] * 36, pa.float64()))
    assert score(world.connection, NAME, nothing).select(added) == score(world.connection, NAME, empty).select(added)


@pytest.mark.parametrize("by", [(), ("carrier", "hour", "customer")])
def test_a_canary_scores_its_share_of_the_keys(world: World, back_end: str, by: tuple[str, ...]) -> None:
    deployed(world.connection, gradient_boosted())
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    register_model(world.connection, NAME, gradient_boosted(300, seed=3), inputs=INPUTS, rows=rows)
    world.connection.execute("ALTER TABLE flight_delay ADD customer numeric(6, 2)")
    start_canary(world.connection, NAME, share=0.4, by=by)
    data = given().append_column("customer", pa.array([n / 4 for n in range(36)]))
    found = score(world.connection, NAME, data)
    recorded = score(world.connection, NAME, data, record=True)
    assert found.column("model_version").equals(recorded.column("model_version"))
    assert set(found.column("model_version").to_pylist()) == {1, 2}
    for name in VERSIONS:
        assert found.column(name).equals(recorded.column(name))
    assert found.column("prediction").equals(recorded.column("prediction"))
    assert found.column("probability").to_pylist() == pytest.approx(
        recorded.column("probability").to_pylist(), rel=1e-9
    )
    if by:
        with pytest.raises(InvalidData, match="no column 'customer', and the canary"):
            score(world.connection, NAME, given())


def test_many_rows_of_few_keys(world: World, back_end: str) -> None:
    """More rows than one batch, keys that repeat, NULLs among them: each row has its own result."""
    program = deployed(world.connection, gradient_boosted())
    rng = np.random.default_rng(11)
    chosen = rng.integers(0, 36, 20_000)
    few = score(world.connection, NAME, given()).drop_columns(["scored_at"])
    many = score(world.connection, NAME, given().take(pa.array(chosen))).drop_columns(["scored_at"])
    expected = few.take(pa.array(chosen))
    assert many.drop_columns(["probability"]).equals(expected.drop_columns(["probability"]))
    difference = np.abs(many["probability"].to_numpy() - expected["probability"].to_numpy())
    assert difference.max() <= program.tolerance
