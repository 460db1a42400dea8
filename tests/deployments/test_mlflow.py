"""Models that MLflow keeps: by the URI of a run or of its registry, or as a folder."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import pytest
import skops.io
import xgboost
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from skops.io import get_untrusted_types

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
    first = register_model(
        world.connection, "late", uri, inputs=INPUTS, metrics={"loss": 0.25, "mine": 1}, trust_code=True
    )
    assert first.source == uri
    assert first.metrics == {"auc": 0.71, "loss": 0.25, "mine": 1.0}
    assert first.estimator == "LogisticRegression"
    second = register_model(world.connection, "late", "models:/late/1", inputs=INPUTS, trust_code=True)
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
    pickled = flavor == "sklearn"
    version = register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS, trust_code=pickled)
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


def by_skops(model: Any, folder: Path) -> Path:
    """The folder of a model that MLflow keeps in a file of skops, whatever types are in it."""
    trusted = get_untrusted_types(data=skops.io.dumps(model))
    kept = {"serialization_format": "skops", "skops_trusted_types": trusted, "pip_requirements": []}
    mlflow.sklearn.save_model(model, folder, **kept)
    return folder


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier((3,), max_iter=20)),
        RandomForestClassifier(3, max_depth=3),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(),
        make_pipeline(SelectKBest(k=1), DecisionTreeRegressor(max_depth=3)),
        xgboost.XGBClassifier(n_estimators=3, max_depth=2),
        lightgbm.LGBMRegressor(n_estimators=3, verbose=-1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_skops(world: World, tmp_path: Path, model: Any) -> None:
    folder = by_skops(model.fit(X, LATE), tmp_path / "model")
    version = register_model(world.connection, "late", folder, inputs=INPUTS)
    assert version.source == str(folder)
    assert version.estimator.startswith(type(model).__name__)
    assert version.checksum == register_model(world.connection, "late", model, inputs=INPUTS).checksum


def test_a_wrapper_of_lightgbm_is_kept_by_skops(world: World, tmp_path: Path) -> None:
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, LATE)
    mlflow.lightgbm.save_model(model, tmp_path / "model", serialization_format="skops", pip_requirements=[])
    version = register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS)
    assert (version.framework, version.estimator) == ("lightgbm", "LGBMClassifier")


def test_types_that_a_file_says_may_be_made(world: World, tmp_path: Path) -> None:
    """What MLflow would make, since the file itself says so."""
    made = FunctionTransformer(partial(open, str(tmp_path / "opened"), "w")).fit(X)
    model = make_pipeline(made, LinearRegression().fit(X, LATE))
    folder = by_skops(LinearRegression().fit(X, LATE), tmp_path / "model")
    skops.io.dump(model, folder / "model.skops")
    types = get_untrusted_types(file=folder / "model.skops")
    assert types
    description = folder / "MLmodel"
    description.write_text(description.read_text().replace("skops_trusted_types: []", f"skops_trusted_types: {types}"))
    with pytest.raises(UnsupportedModel, match=r"the skops file has .*open.*, which is not made from a file: .*ONNX"):
        register_model(world.connection, "late", folder, inputs=INPUTS)
    assert not (tmp_path / "opened").exists()


def test_code_beside_a_file_of_skops(world: World, tmp_path: Path) -> None:
    """mlflow.sklearn.load_model would put it before everything that is installed."""
    folder = by_skops(LinearRegression().fit(X, LATE), tmp_path / "model")
    description = folder / "MLmodel"
    description.write_text(description.read_text().replace("  sklearn:\n    code: null", "  sklearn:\n    code: code"))
    assert "code: code" in description.read_text()
    (folder / "code").mkdir()
    register_model(world.connection, "late", folder, inputs=INPUTS)
    assert not [path for path in sys.path if path.endswith("code")]


def test_a_file_that_skops_cannot_read(world: World, tmp_path: Path) -> None:
    folder = by_skops(LinearRegression().fit(X, LATE), tmp_path / "model")
    (folder / "model.skops").write_bytes(b"nothing")
    with pytest.raises(UnsupportedModel, match=r"the file model\.skops cannot be loaded by skops"):
        register_model(world.connection, "late", folder, inputs=INPUTS)


def test_without_skops(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = by_skops(LinearRegression().fit(X, LATE), tmp_path / "model")
    for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnsupportedModel, match="needs the package skops, which is not installed: pip install skops"):
        register_model(world.connection, "late", folder, inputs=INPUTS)


def test_what_is_refused(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "model", "sklearn")
    with pytest.raises(UnsupportedModel, match="signature has the inputs 'temp', which nothing is bound to"):
        register_model(
            world.connection, "late", tmp_path / "model", inputs={"distance": "double precision"}, trust_code=True
        )
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
        register_model(world.connection, "late", tmp_path / "model", inputs=INPUTS, trust_code=True)
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
