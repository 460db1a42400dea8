"""Models that MLflow keeps: by the URI of a run or of its registry, or as a folder."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import pytest
import xgboost
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from fsdb.deployments import deploy, logged, register_model, replay
from fsdb.errors import UnknownName, UnsupportedModel
from tests.deployments.world import World, frame, score_of

# MLflow's own tables are written for an older SQLAlchemy.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
INPUTS = {"distance": "double precision", "temp": "weather.temp"}
DATA = frame(120).dropna()
X, LATE = DATA[["temp", "distance"]], (score_of(DATA) > 3).astype(int)
PICKLED = {"serialization_format": "cloudpickle", "pip_requirements": []}


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A run with a metric and a model, also in MLflow's registry as late/1; gives the run's id."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("flights", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("flights")
    with mlflow.start_run() as run:
        mlflow.log_metrics({"auc": 0.71, "loss": 0.5})
        model = LogisticRegression().fit(X, LATE)
        mlflow.sklearn.log_model(model, name="model", registered_model_name="late", **PICKLED)
    yield run.info.run_id
    mlflow.set_tracking_uri(before)


@pytest.mark.slow
def test_a_run_and_the_registry(world: World, tracked: str) -> None:
    uri = f"runs:/{tracked}/model"
    first = register_model(world.connection, "late", uri, inputs=INPUTS, metrics={"loss": 0.25, "mine": 1})
    assert first.source == uri
    assert first.metrics == {"auc": 0.71, "loss": 0.25, "mine": 1.0}
    assert first.estimator == "LogisticRegression"
    second = register_model(world.connection, "late", "models:/late/1", inputs=INPUTS)
    assert second.source == f"models:/late/1 (run {tracked})"
    assert (second.version, second.checksum, second.metrics) == (2, first.checksum, {"auc": 0.71, "loss": 0.5})
    deploy(world.connection, "late", "late")
    world.connection.execute("INSERT INTO late (origin, distance) VALUES ('JFK', 900)")
    assert replay(world.connection, "late").different == 0
    for nowhere in ("models:/late/7", "models:/nothing/1", "runs:/0123/model"):
        with pytest.raises(UnknownName, match=f"MLflow gives no model {nowhere}: .*MLFLOW_TRACKING_URI"):
            register_model(world.connection, "late", nowhere, inputs=INPUTS)


def saved(folder: Path, flavor: str) -> Any:
    """A model of a library, in MLflow's form; gives what was fitted."""
    if flavor == "sklearn":
        model = LinearRegression().fit(X.to_numpy(), LATE)  # knows no names: the signature has them
        mlflow.sklearn.save_model(model, folder, signature=infer_signature(X, model.predict(X.to_numpy())), **PICKLED)
    elif flavor == "xgboost":
        model = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(X, LATE)
        mlflow.xgboost.save_model(model, folder, pip_requirements=[])
    elif flavor == "lightgbm":
        model = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(X, LATE), 3)
        mlflow.lightgbm.save_model(model, folder, pip_requirements=[])
    else:
        model = LinearRegression().fit(X.to_numpy(), LATE)
        mlflow.onnx.save_model(to_onnx(model, X.to_numpy()), folder, pip_requirements=[])
    return model


@pytest.mark.parametrize("flavor", ["sklearn", "xgboost", "lightgbm"])
def test_folders(world: World, tmp_path: Path, flavor: str) -> None:
    saved(tmp_path / "model", flavor)
    version = register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS)
    assert version.source == str(tmp_path / "model")
    assert version.framework == flavor
    assert [given.name for given in version.inputs] == ["temp", "distance"]
    assert version.metrics == {}


def test_a_folder_of_onnx(world: World, tmp_path: Path) -> None:
    saved(tmp_path / "model", "onnx")
    by_position = {name: INPUTS[name] for name in ("temp", "distance")}
    version = register_model(world.connection, "late", tmp_path / "model", inputs=by_position)
    assert (version.framework, version.estimator, version.source) == (
        "onnx",
        "ONNX(Add, MatMul, Reshape)",
        str(tmp_path / "model"),
    )
    assert {line.partition("==")[0] for line in version.packages} >= {"onnx", "onnxruntime"}


def test_what_is_refused(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "model", "sklearn")
    with pytest.raises(UnsupportedModel, match="signature has the inputs 'temp', which nothing is bound to"):
        register_model(world.connection, "late", tmp_path / "model", inputs={"distance": "double precision"})
    description = tmp_path / "model" / "MLmodel"
    text = description.read_text()
    description.write_text(text.replace("  sklearn:", "  keras:"))
    with pytest.raises(
        UnsupportedModel, match=r"flavor keras: fsdb reads sklearn, xgboost, lightgbm, onnx; log it as ONNX"
    ):
        register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS)
    description.write_text(text)
    (tmp_path / "model" / "model.pkl").write_bytes(b"nothing")
    with pytest.raises(UnsupportedModel, match=r"cannot be loaded by mlflow\.sklearn"):
        register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(
        UnsupportedModel, match=r"MLflow, which is not installed: pip install 'fsdb-postgres\[mlflow\]'"
    ):
        register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS)
    assert world.connection.execute("SELECT count(*) FROM fsdb.models").fetchone() == (0,)


def test_what_names_a_model_of_mlflow(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").touch()
    named = [
        "runs:/1/m",
        "models:/m/1",
        str(tmp_path),
        tmp_path,
        tmp_path / "no",
        "model.py:fitted",
        b"MLmodel",
        object(),
    ]
    assert [logged.is_logged(one) for one in named] == [True] * 4 + [False] * 4
