"""fsdb describe --model, and fsdb register with a model of MLflow's."""

import json
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from fsdb.cli.app import main
from tests.conftest import TestDatabase

MODEL = """
import numpy as np
from sklearn.linear_model import LinearRegression

def fitted():
    return LinearRegression().fit(np.array([[1.0], [2.0], [3.0]]), [1.0, 2.0, 4.0])
"""
FEATURES = """
import fsdb
weather = fsdb.FeatureSet("weather", {"origin": "text"}, [fsdb.Feature("temp", "double precision")])
late = fsdb.TrainingView("late", "SELECT 'JFK'::text AS origin, n::float8 AS delay, now() AS at FROM generate_series(1, 9) AS n", "at", ["weather.temp"], label="delay")
"""


@pytest.fixture
def folder(database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model's code, on a database with a saved training set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSDB_URL", database.url)
    (tmp_path / "features.py").write_text(FEATURES)
    (tmp_path / "model.py").write_text(MODEL)
    assert main(["apply", "features.py"]) == 0
    assert main(["ingest", "weather", "SELECT 'JFK' AS origin, 3.5::float8 AS temp, now() AS event_time"]) == 0
    assert main(["training-set", "late", "--save", "nine"]) == 0
    return tmp_path


def test_the_card(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for auc in ("0.5", "0.75"):
        register = ["register", "delay", "model.py:fitted", "--training-set", "nine", "--metric", f"auc={auc}"]
        assert main([*register, "--description", "How late"]) == 0
    assert main(["deploy", "delay", "--table", "delays"]) == 0
    capsys.readouterr()
    assert main(["describe", "--model", "delay", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["model"], card["version"], card["description"]) == ("delay", 2, "How late")
    assert card["training_set"] | {"hash": ""} == {
        "name": "nine",
        "rows": 9,
        "view": "late",
        "label": "delay",
        "hash": "",
    }
    assert len(card["training_set"]["hash"]) == 64
    assert card["metrics"] == {"auc": 0.75}
    assert [place["table"] for place in card["deployments"]] == ["delays"]
    assert main(["describe", "--model", "delay", "--version", "1"]) == 0
    printed = capsys.readouterr().out
    for text in ("Model delay version 1", "nine: 9 rows, hash", "weather.temp", "auc", "python=="):
        assert text in printed, text
    assert "Deployments" not in printed


@pytest.mark.parametrize("arguments", [[], ["delay", "--model", "delay"], ["delay", "--version", "1"]])
def test_misuse(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", *arguments]) == 2
    assert "Name what to describe, or --model" in capsys.readouterr().err.replace("\n", " ")


def test_what_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "--model", "dely"]) == 1
    assert "no model 'dely'" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_model_of_mlflows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = LinearRegression().fit(np.array([[1.0], [2.0]]), [1.0, 2.0])
    mlflow.sklearn.save_model(model, folder / "kept", serialization_format="cloudpickle", pip_requirements=[])
    assert main(["register", "delay", "kept", "--training-set", "nine"]) == 1
    assert "--trust-code" in capsys.readouterr().err
    assert main(["register", "delay", "kept", "--training-set", "nine", "--trust-code"]) == 0
    capsys.readouterr()
    assert main(["describe", "--model", "delay", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == str(folder / "kept")
