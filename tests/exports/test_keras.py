"""Keras, on PyTorch: models that export(format="onnx") writes, against their own predict."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, program_of
from tests.conftest import TestDatabase
from tests.exports.rows import SEED, as_matrix, as_rows, data, odd_rows
from tests.exports.served import PYTORCH_WARNS, TYPES, assert_as_native, numbers, served, shares

pytestmark = PYTORCH_WARNS
X, TARGET = data()
TWO = (TARGET > 11).astype(np.float32)
THREE = np.digitize(TARGET, [10.0, 12.0])


def fitted(last: layers.Layer, loss: str, target: Any, *hidden: layers.Layer) -> keras.Model:
    """A model of some layers after an epoch or two."""
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential([keras.Input((3,)), *hidden, last])
    model.compile("adam", loss)
    model.fit(X, target, epochs=2, verbose=0)
    return model


def exported(model: keras.Model, folder: Path) -> Path:
    """The file that Keras writes."""
    path = folder / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    return path


def number() -> layers.Layer:
    return layers.Dense(1, bias_initializer=keras.initializers.Constant(TARGET.mean()))


def normalized() -> layers.Layer:
    """The layer that has the columns' means and variances."""
    layer = layers.Normalization()
    layer.adapt(X)
    return layer


HIDDEN: dict[str, tuple[Any, str]] = {
    "dense": (lambda: [layers.Dense(8, activation="relu"), layers.Dropout(0.2)], "sql"),
    "normalization": (lambda: [normalized(), layers.Dense(8, activation="tanh")], "sql"),
    "batch normalization": (
        lambda: [layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(4, activation="sigmoid")],
        "sql",
    ),
    "flatten": (lambda: [layers.Flatten(), layers.Dense(8, activation="relu")], "sql"),
    "silu": (lambda: [layers.Dense(6, activation="silu"), layers.Dense(6, activation="leaky_relu")], "sql"),
    "elu": (lambda: [layers.Dense(6, activation="elu"), layers.Dense(6, activation="softplus")], "worker"),
    "convolution": (
        lambda: [layers.Reshape((3, 1)), layers.Conv1D(4, 2, activation="relu"), layers.Flatten()],
        "worker",
    ),
    "gru": (lambda: [layers.Reshape((3, 1)), layers.GRU(4)], "worker"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_regressions(database: TestDatabase, tmp_path: Path, name: str) -> None:
    hidden, runtime = HIDDEN[name]
    model = fitted(number(), "mse", TARGET, *hidden())
    path = exported(model, tmp_path)
    rows = as_rows(X[:40]) + odd_rows(1e15)
    given = served(database, path, rows, as_rows(X))
    assert_as_native(given, numbers(model.predict(as_matrix(rows), verbose=0)))
    assert given.runtime == runtime
    assert given.program.classes is None


def test_one_probability(database: TestDatabase, tmp_path: Path) -> None:
    last = layers.Dense(1, activation="sigmoid")
    model = fitted(last, "binary_crossentropy", TWO, layers.Dense(8, activation="relu"))
    rows = as_rows(X[:40]) + odd_rows()
    given = served(database, OnnxModel(exported(model, tmp_path), classes=(False, True)), rows, as_rows(X))
    assert_as_native(given, shares(model.predict(as_matrix(rows), verbose=0), (False, True)))
    assert given.runtime == "sql"
    assert given.program.prediction_type == "boolean"


def test_probabilities(database: TestDatabase, tmp_path: Path) -> None:
    last = layers.Dense(3, activation="softmax")
    model = fitted(last, "sparse_categorical_crossentropy", THREE, layers.Dense(8, activation="relu"))
    path = exported(model, tmp_path)
    with pytest.raises(UnsupportedModel, match=r"gives 3 numbers .*name the classes"):
        program_of(path, TYPES)
    rows = as_rows(X[:40]) + odd_rows()
    classes = ("low", "middle", "high")
    given = served(database, OnnxModel(path, classes=classes), rows, as_rows(X))
    assert_as_native(given, shares(model.predict(as_matrix(rows), verbose=0), classes))
    assert given.runtime == "sql"
    assert given.program.has_probabilities


def test_inputs_with_names(database: TestDatabase, tmp_path: Path) -> None:
    inputs = [keras.Input((1,), name=name) for name in ("c", "a", "b")]
    hidden = layers.Dense(6, activation="relu")(layers.Concatenate()(inputs))
    model = keras.Model(inputs, number()(hidden))
    rows = as_rows(X[:40]) + odd_rows(1e15)
    matrix = as_matrix(rows)
    native = model.predict([matrix[:, 2:], matrix[:, :1], matrix[:, 1:2]], verbose=0)
    given = served(database, exported(model, tmp_path), rows, as_rows(X))
    assert_as_native(given, numbers(native))
    assert given.runtime == "sql"


def test_what_keras_does_not_export_pytorch_does(database: TestDatabase, tmp_path: Path) -> None:
    """A model of Keras on PyTorch is a module of PyTorch."""
    model = fitted(number(), "mse", TARGET, layers.Dense(8, activation="relu"), layers.LayerNormalization())
    with pytest.raises(torch.onnx.errors.SymbolicValueError, match="not constant"):
        exported(model, tmp_path)
    path = tmp_path / "model.onnx"
    shapes = (({0: "rows"},),)  # forward of Keras takes its inputs as *args
    torch.onnx.export(
        model.eval(), (torch.tensor(X[:4]),), path, dynamic_shapes=shapes, external_data=False, verbose=False
    )
    rows = as_rows(X[:40]) + odd_rows(1e15)
    given = served(database, path, rows, as_rows(X))
    assert_as_native(given, numbers(model.predict(as_matrix(rows), verbose=0)))
    assert given.runtime == "worker"


def test_a_model_that_was_never_called(tmp_path: Path) -> None:
    """Keras wants it to be called once; a model that was fitted was."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="never called"):
        exported(model, tmp_path)
    model(X[:1])
    assert program_of(exported(model, tmp_path), TYPES).classes is None
