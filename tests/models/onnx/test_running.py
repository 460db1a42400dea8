"""The module that the database server runs: it stands alone, and is quick for a single row."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fsdb.models import program_of
from fsdb.models.backends.onnx import RowRefused, Scorer, compile_onnx, describe, runner_source

SEED = 4024
TYPES = {"city": "text", "x": "real"}


def _estimator() -> tuple[LogisticRegression, pd.DataFrame]:
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame({"city": pd.Series(rng.choice(["a", "b"], 50), dtype=object), "x": rng.normal(size=50)})
    columns = ColumnTransformer([("c", OneHotEncoder(), ["city"]), ("x", StandardScaler(), ["x"])])
    target = np.where(frame["x"] > 0, "yes", "no")
    return make_pipeline(columns, LogisticRegression()).fit(frame, target), frame


def test_it_runs_without_fsdb(tmp_path: Path) -> None:
    estimator, frame = _estimator()
    program = program_of(estimator, TYPES)
    (tmp_path / "model.onnx").write_bytes(compile_onnx(program))
    (tmp_path / "model.json").write_text(describe(program), encoding="utf-8")
    (tmp_path / "shipped.py").write_text(runner_source(), encoding="utf-8")
    (tmp_path / "main.py").write_text(
        textwrap.dedent("""
            import json, sys
            for name in ("fsdb", "onnx", "pandas", "sklearn"):
                sys.modules[name] = None
            from pathlib import Path
            import shipped
            runner = shipped.Runner(Path("model.onnx").read_bytes(), Path("model.json").read_text(encoding="utf-8"))
            found = list(runner.row(["a", 0.5]))
            try:
                runner.row(["unseen", 0.5])
            except shipped.RowRefused as refusal:
                found.append(str(refusal))
            print(json.dumps(found))
        """),
        encoding="utf-8",
    )
    result = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    label, share, refusal = json.loads(result.stdout)
    row = pd.DataFrame({"city": ["a"], "x": [0.5]})
    assert label == estimator.predict(row)[0]
    assert share == pytest.approx(estimator.predict_proba(row)[0, 1], rel=1e-9)
    assert refusal == (
        'fsdb: input "city" of the model has the category "unseen", which the model was not fitted with; correct it, or fit with '
        "handle_unknown"
    )
    assert len(frame) == 50


def test_reals_have_the_value_of_their_bits() -> None:
    estimator, _ = _estimator()
    scorer = Scorer(program_of(estimator, TYPES))
    assert scorer.row(["a", 0.1]) == scorer.row(["a", float(np.float32(0.1))]) != scorer.row(["a", 0.1000001])
    assert scorer.run({"city": ["a"], "x": [0.1]})["probability"][0] == scorer.row(["a", 0.1])[1]
    with pytest.raises(RowRefused, match='input "x" of the model is NULL or NaN'):
        scorer.row(["a", None])


def test_batches_and_threads() -> None:
    """More rows than one run has, with several threads and with one."""
    X = np.random.default_rng(SEED).normal(size=(300, 2))
    estimator = GradientBoostingRegressor(n_estimators=40).fit(X, X[:, 0])
    program = program_of(estimator, {"a": "double precision", "b": "double precision"})
    many = np.random.default_rng(SEED + 1).normal(size=(20_000, 2))
    columns = {"a": many[:, 0], "b": many[:, 1]}
    one, several = (Scorer(program, threads).run(columns)["prediction"] for threads in (1, 2))
    assert np.array_equal(one, several)
    np.testing.assert_allclose(one, estimator.predict(many), rtol=1e-9, atol=1e-12)


def test_a_piecewise_model_of_many_knots_is_run_in_small_batches() -> None:
    from sklearn.preprocessing import QuantileTransformer

    X = np.random.default_rng(SEED).normal(size=(1000, 1))
    estimator = make_pipeline(QuantileTransformer(n_quantiles=1000), LogisticRegression()).fit(X, X[:, 0] > 0)
    program = program_of(estimator, {"a": "double precision"})
    assert json.loads(describe(program))["batch"] < 3000
    values = np.random.default_rng(SEED + 1).normal(size=5000)
    found = Scorer(program).run({"a": values})
    np.testing.assert_allclose(found["probability"], estimator.predict_proba(values[:, None])[:, 1], rtol=1e-9)


def test_onnxruntime_tells_nobody_about_its_use() -> None:
    """It would, from a thread of its own, were it not told otherwise before it is imported."""
    code = (
        "import os, numpy, fsdb.models;"
        "threads = lambda: len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 0;"
        "before = threads();"
        "import fsdb.models.backends.onnx.running;"
        "print(os.environ['ORT_DISABLE_TELEMETRY'], threads() - before)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.split() == ["1", "0"]
