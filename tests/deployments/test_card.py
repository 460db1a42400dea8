"""The card of a model version, and versions that another fsdb registered."""

import hashlib
import json
from datetime import datetime
from importlib.metadata import version as installed

import psycopg
import pyarrow as pa
import pytest
import sklearn

from fsdb.catalog.models import get_version
from fsdb.deployments import deploy, describe_model, register_model, set_stage
from fsdb.deployments.packages import is_newer, own_version
from fsdb.deployments.registry import load_program
from fsdb.errors import NotReproducible, UnknownName
from tests.deployments.world import INPUTS, World, frame, gradient_boosted, strict


def test_all_that_is_known_of_a_version(world: World) -> None:
    connection = world.connection
    register_model(connection, "late", gradient_boosted(), inputs=INPUTS, description="Whether a flight is late", owner="ada", tags=["air"])  # fmt: skip
    rows = pa.Table.from_pandas(frame(40)).to_pylist()
    register_model(connection, "late", strict(), inputs=INPUTS, metrics={"auc": 0.75}, rows=rows)
    deploy(connection, "late", "late_flights", 1)
    deploy(connection, "late", "late_flights", 2)
    set_stage(connection, "late", 2, "production")
    card = describe_model(connection, "late")
    told = json.loads(json.dumps(card.to_dict()))
    assert (told["model"], told["version"], told["stage"], told["owner"]) == ("late", 2, "production", "ada")
    assert told["estimator"] == "Pipeline(ColumnTransformer, LogisticRegression)"
    assert told["classes"] == ["false", "true"]
    assert told["training_set"] is None
    assert told["metrics"] == {"auc": 0.75}
    assert told["inputs"][0] == {"name": "temp", "type": "double precision", "feature": "weather.temp"}
    assert [given["feature"] for given in told["inputs"]] == [i if "." in i else None for i in INPUTS.values()]
    assert told["packages"][1:3] == [
        f"fsdb-postgres=={installed('fsdb-postgres')}",
        f"scikit-learn=={sklearn.__version__}",
    ]
    assert {line.partition("==")[0] for line in told["packages"]} == {"python", "fsdb-postgres", "scikit-learn", "numpy", "scipy"}  # fmt: skip
    (refused,) = connection.execute(
        "SELECT count(*) FROM fsdb.model_checks WHERE refused AND version = 2"
    ).fetchone() or (0,)
    assert 0 < refused == told["parity"]["rows_refused"] < told["parity"]["rows_checked"]
    assert told["parity"]["largest_difference"] <= told["parity"]["tolerance"] == 1e-9
    assert [(r["deployment"], r["runtime"], r["rows_refused"]) for r in told["parity"]["reports"]] == [
        ("late_flights", "sql", refused)
    ]
    assert [(d["table"], d["runtime"], d["role"]) for d in told["deployments"]] == [("late_flights", "sql", "live")]
    assert datetime.fromisoformat(told["registered_at"]).tzinfo is not None
    former = describe_model(connection, "late", 1)
    assert [place[3] for place in former.about.deployments] == ["past"]
    assert former.about.stage == "none"
    for text in (repr(card), card._repr_html_()):
        for word in ("Model late version 2", "weather.temp", "production", "ada", "auc", "late_flights", "scipy"):
            assert word in text, word
    with pytest.raises(UnknownName, match="no version 3"):
        describe_model(connection, "late", 3)


def rewritten(connection: psycopg.Connection, text: str, registered_with: str) -> None:
    """Version 1 as another fsdb would have registered it."""
    connection.execute("ALTER TABLE fsdb.model_programs DISABLE TRIGGER USER")
    connection.execute("ALTER TABLE fsdb.model_versions DISABLE TRIGGER USER")
    connection.execute("UPDATE fsdb.model_programs SET program = %s", [text])
    connection.execute(
        "UPDATE fsdb.model_versions SET checksum = %s, fsdb_version = %s",
        [hashlib.sha256(text.encode()).hexdigest(), registered_with],
    )


@pytest.mark.parametrize("change", ["step", "field"])
def test_a_version_of_a_newer_fsdb(world: World, change: str) -> None:
    register_model(world.connection, "late", gradient_boosted(), inputs=INPUTS)
    (text,) = world.connection.execute("SELECT program FROM fsdb.model_programs").fetchone() or ("",)
    program = json.loads(text)
    if change == "step":
        program["steps"].append({"is": "Transformer", "heads": 8})
    else:
        program["calibration"] = None
    rewritten(world.connection, json.dumps(program), "9.10.1")
    said = (
        rf"late version 1 cannot be read: it was registered with fsdb 9\.10\.1, this is {own_version()}: upgrade fsdb"
    )
    with pytest.raises(NotReproducible, match=said):
        deploy(world.connection, "late", "late")
    assert describe_model(world.connection, "late").tolerance is None
    rewritten(world.connection, json.dumps(program), "0.0.1")
    with pytest.raises(NotReproducible, match=r"registered with fsdb 0\.0\.1, this is .*: register the model again"):
        deploy(world.connection, "late", "late")
    world.connection.execute("UPDATE fsdb.model_programs SET program = program || ' '")
    with pytest.raises(NotReproducible, match="not the one that was registered"):
        deploy(world.connection, "late", "late")


def test_what_a_newer_fsdb_registered_runs_where_all_of_it_is_known(world: World) -> None:
    register_model(world.connection, "late", gradient_boosted(), inputs=INPUTS)
    (text,) = world.connection.execute("SELECT program FROM fsdb.model_programs").fetchone() or ("",)
    rewritten(world.connection, text, "9.10.1")
    assert load_program(world.connection, get_version(world.connection, "late")).to_json() == text


def test_which_version_is_newer() -> None:
    own = own_version()
    assert [is_newer(other) for other in ("999.0", own, "0.0.9", "", f"{own}.1")] == [True, False, False, False, True]
