"""Programs as JSON, the rows at a model's edges, and what counts as the same output."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from fsdb.models import Input, Program, crossed_rows, program_of, same_outputs, split_rows
from fsdb.models.program import Regression
from fsdb.models.steps import Linear, LookupText

PROGRAM = Program(
    (Input("place", "text"),),
    (
        LookupText(0, ("é", "01"), (0.0, math.nan), missing=-math.inf, unknown=None),
        Linear((1,), ((0.1,),), (5e-324,)),
    ),
    Regression(2),
    None,
)


def test_json_is_canonical() -> None:
    text = PROGRAM.to_json()
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text
    assert Program.from_json(text) == PROGRAM
    assert Program.from_json(text).to_json() == text
    assert hash(Program.from_json(text)) == hash(PROGRAM)


def test_checksum_is_that_of_this_text_for_good() -> None:
    assert PROGRAM.checksum == "2fb0f358f1c14dd7bc9030d9893147f19a71b46b064ce25647e7ada18fb802dd"


def test_a_fitted_model_gives_the_same_program_twice() -> None:
    X = np.random.default_rng(81).normal(size=(100, 2))
    model = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3)).fit(X, X[:, 0] > 0)
    types = {"a": "real", "b": "numeric"}
    first = program_of(model, types)
    assert program_of(model, types).checksum == first.checksum
    assert program_of(model, {**types, "a": "double precision"}).checksum != first.checksum
    assert Program.from_json(first.to_json()) == first


@pytest.mark.parametrize(
    "broken",
    [
        "{}",
        "[]",
        '{"is":"Linear"}',
        PROGRAM.to_json().replace('"Linear"', '"System"'),
        PROGRAM.to_json().replace("0.1", '"0.1"'),
        PROGRAM.to_json().replace('"steps"', '"stops"'),
        PROGRAM.to_json().replace('"intercepts":[', '"intercepts":[null,'),
        PROGRAM.to_json()[:-1],
    ],
)
def test_json_that_is_no_program_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Program.from_json(broken)


def test_rows_at_the_edges_of_a_model() -> None:
    frame = pd.DataFrame({"x": np.arange(20.0), "place": pd.Series(["a", "b"] * 10, dtype=object)})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoded = encoder.fit_transform(frame[["place"]])
    assert encoded.shape == (20, 1)
    from sklearn.compose import ColumnTransformer

    columns = ColumnTransformer([("s", StandardScaler(), ["x"]), ("o", encoder, ["place"])])
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1, max_leaf_nodes=2))
    program = program_of(model.fit(frame, frame["x"] > 9), {"x": "double precision", "place": "text"})
    base = [{"x": 1.0, "place": "a", "other": 7}]
    rows = split_rows(program, base, 100)
    assert {row["place"] for row in rows} == {"a", "b", "fsdb: unseen", None}
    numbers = sorted(row["x"] for row in rows if row["x"] != 1.0)
    assert len(numbers) == 3
    assert numbers[0] < 9.5 < numbers[2] or numbers == pytest.approx([9.5] * 3, abs=1e-12)
    assert all(row["other"] == 7 for row in rows)
    assert len(split_rows(program, base, 3)) == 3
    assert split_rows(program, [], 100) == split_rows(program, base, 0) == []


@pytest.mark.parametrize(
    ("native", "deployed", "same"),
    [
        ({"prediction": 1.0}, {"prediction": 1.0 + 0.9e-9}, True),
        ({"prediction": 1.0}, {"prediction": 1.0 + 1.2e-9}, False),
        ({"prediction": 1e-9}, {"prediction": 1.9e-12}, False),
        ({"prediction": 0.0}, {"prediction": 0.9e-12}, True),
        ({"prediction": 0.0}, {"prediction": None}, False),
        ({"prediction": math.inf}, {"prediction": math.inf}, True),
        ({"prediction": math.inf}, {"prediction": 1e308}, False),
        ({"prediction": "1"}, {"prediction": 1}, False),
        ({"prediction": True}, {"prediction": 1}, False),
        ({"prediction": "a", "probability": 0.5}, {"prediction": "a"}, False),
        ({"prediction": "a", "probabilities": [0.5, 0.5]}, {"prediction": "a", "probabilities": [0.5, 0.5]}, True),
        ({"prediction": "a", "probabilities": [0.5, 0.5]}, {"prediction": "a", "probabilities": [0.5]}, False),
        ({"error": "x"}, {"error": "y"}, True),
        ({"error": "x"}, {"prediction": 1.0}, False),
        ({"prediction": 1.0}, {"error": "x"}, False),
    ],
)
def test_same_outputs(native: dict[str, object], deployed: dict[str, object], same: bool) -> None:
    assert same_outputs(native, deployed) is same


def test_models_import_without_scikit_learn() -> None:
    code = "import sys, fsdb.models; raise SystemExit('sklearn' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_crossed_rows_hold_both_sides_of_every_split() -> None:
    """The native trees say which side each number is on: of every split there is a number that goes left, and the next one right."""
    generator = np.random.default_rng(0)
    data = pd.DataFrame(generator.normal(size=(500, 3)), columns=["a", "b", "c"])
    model = GradientBoostingRegressor(n_estimators=20, max_depth=5).fit(data, data.a * data.b + data.c)
    program = program_of(model, dict.fromkeys(data, "double precision"))
    base = data.head(10).to_dict("records")
    rows = crossed_rows(program, base, 10_000)
    assert rows == crossed_rows(program, base, 10_000)
    splits = 0
    for (tree,) in model.estimators_:
        for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
            if feature < 0:
                continue
            splits += 1
            held = sorted(row[data.columns[feature]] for row in rows)
            last = max(value for value in held if np.float32(value) <= threshold)
            first = min(value for value in held if np.float32(value) > threshold)
            assert first == np.nextafter(last, np.inf)
    assert splits > 200
    assert len(rows) < 2 * splits
    few = crossed_rows(program, base, 50)
    assert 25 < len(few) <= 50
    assert crossed_rows(program, [], 50) == crossed_rows(program, base, 0) == []
