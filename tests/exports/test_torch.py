"""PyTorch: networks exported by torch.onnx.export, by way of torch.export and of TorchScript, against their own forward."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, program_of
from tests.conftest import TestDatabase
from tests.exports.rows import SEED, as_matrix, as_rows, data, odd_rows
from tests.exports.served import PYTORCH_WARNS, TYPES, Outputs, assert_as_native, numbers, served, shares

pytestmark = PYTORCH_WARNS
X, TARGET = data()
THREE = np.digitize(TARGET, [10.0, 12.0])
EXPORTERS = ["dynamo", "script"]


class Squeezed(nn.Module):
    """Gives one number a row in shape (rows), of inputs that it standardizes itself."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(X.mean(axis=0)))
        self.register_buffer("spread", torch.tensor(X.std(axis=0)))
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (rows, 3)."""
        return self.layers((x - self.mean) / self.spread).squeeze(-1)


class Recurrent(nn.Module):
    """Reads the columns as a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 4, batch_first=True)
        self.last = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (rows, 3)."""
        return self.last(self.lstm(x.unsqueeze(-1))[0][:, -1])


class Convolution(nn.Module):
    """Slides over the columns."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 4, 2)
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (rows, 3)."""
        return torch.softmax(self.last(torch.relu(self.convolution(x.unsqueeze(1))).flatten(1)), dim=1)


class Labelled(nn.Module):
    """Gives a class and its probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of shape (rows, 3)."""
        scores = self.layers(x)
        return scores.argmax(dim=1), torch.softmax(scores, dim=1)


class Embedded(nn.Module):
    """Has a vector for each of five codes."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(5, 2)
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))

    def forward(self, code: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Of shapes (rows) and (rows, 2)."""
        return self.layers(torch.cat([self.vectors(code), x], dim=1))


class Viewed(nn.Module):
    """Gives shape (rows) by shapes that TorchScript leaves the graph to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (rows, 3)."""
        return self.layers(x.view(x.size(0), -1)).flatten()


def mlp(*last: nn.Module, width: int = 1) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, width), *last)


def fitted(make: Callable[[], nn.Module], loss: Any, *given: torch.Tensor, steps: int = 60) -> nn.Module:
    """A network after some steps of Adam, ready to predict."""
    torch.manual_seed(SEED)
    network = make().train()
    if loss is squared:
        *_, last = (module for module in network.modules() if isinstance(module, nn.Linear))
        nn.init.constant_(last.bias, float(TARGET.mean()))
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(network(*given)).backward()
        optimizer.step()
    return network.eval()


def exported(
    network: nn.Module, path: Path, exporter: str, *given: torch.Tensor, names: tuple[str, ...] = ("x",)
) -> Path:
    """The file that torch.onnx.export writes."""
    if exporter == "dynamo":
        shapes = tuple({0: "rows"} for _ in given)
        torch.onnx.export(
            network, given, path, input_names=list(names), dynamic_shapes=shapes, external_data=False, verbose=False
        )
    else:
        outputs = network(*given)
        several = [f"y{place}" for place in range(len(outputs))] if isinstance(outputs, tuple) else ["y"]
        axes = {name: {0: "rows"} for name in (*names, *several)}
        torch.onnx.export(
            network, given, path, input_names=list(names), output_names=several, dynamic_axes=axes, dynamo=False
        )
    return path


def forward(network: nn.Module, *given: Any) -> Any:
    """What the network itself gives."""
    with torch.no_grad():
        outputs = network(*(torch.tensor(one) for one in given))
    return [one.numpy() for one in outputs] if isinstance(outputs, tuple) else outputs.numpy()


def squared(outputs: torch.Tensor) -> torch.Tensor:
    return ((outputs.reshape(-1) - torch.tensor(TARGET)) ** 2).mean()


def of_two(outputs: torch.Tensor) -> torch.Tensor:
    wanted = torch.tensor(TARGET > 11, dtype=torch.float32)
    return nn.functional.binary_cross_entropy(outputs.reshape(-1), wanted)


def of_three(outputs: torch.Tensor) -> torch.Tensor:
    return nn.functional.nll_loss(torch.log(outputs + 1e-6), torch.tensor(THREE))


def scored(scores: Any, classes: tuple[Any, ...]) -> Outputs:
    """The class of the largest score, without probabilities."""
    return [
        {name: value for name, value in row.items() if name in ("prediction", "error")}
        for row in shares(scores, classes)
    ]


REGRESSIONS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "relu": (mlp(), "sql"),
    "standardized": (Squeezed, "sql"),
    "batch norm": (
        lambda: nn.Sequential(
            nn.BatchNorm1d(3), nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1)
        ),
        "sql",
    ),
    "layer norm": (lambda: nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 1)), "worker"),
    "activations": (
        lambda: nn.Sequential(nn.Linear(3, 6), nn.SiLU(), nn.Linear(6, 6), nn.LeakyReLU(), nn.Linear(6, 1)),
        "sql",
    ),
    "elu": (
        lambda: nn.Sequential(
            nn.Linear(3, 6), nn.ELU(), nn.Linear(6, 6), nn.Hardtanh(), nn.Linear(6, 1), nn.Softplus()
        ),
        "worker",
    ),
    "viewed": (Viewed, "sql"),
    "lstm": (Recurrent, "worker"),
}
OWN_OVERFLOW = {
    "layer norm": 1e15
}  # squares of larger numbers are beyond float32, of which PyTorch makes NaN and onnxruntime a number


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(database: TestDatabase, tmp_path: Path, name: str, exporter: str) -> None:
    make, runtime = REGRESSIONS[name]
    network = fitted(make, squared, torch.tensor(X))
    path = exported(network, tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    rows = as_rows(X[:40]) + odd_rows(OWN_OVERFLOW.get(name, 1e30))
    given = served(database, path, rows, as_rows(X))
    assert_as_native(given, numbers(forward(network, as_matrix(rows))))
    assert given.runtime == runtime
    assert given.program.classes is None


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_one_probability(database: TestDatabase, tmp_path: Path, exporter: str) -> None:
    network = fitted(mlp(nn.Sigmoid()), of_two, torch.tensor(X))
    path = exported(network, tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    rows = as_rows(X[:40]) + odd_rows()
    given = served(database, OnnxModel(path, classes=("early", "late")), rows, as_rows(X))
    assert_as_native(given, shares(forward(network, as_matrix(rows)), ("early", "late")))
    assert given.runtime == "sql"
    assert given.program.has_probability


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize(
    ("make", "runtime"), [(mlp(nn.Softmax(dim=1), width=3), "sql"), (Convolution, "worker")], ids=["mlp", "convolution"]
)
def test_softmax(database: TestDatabase, tmp_path: Path, make: Any, runtime: str, exporter: str) -> None:
    network = fitted(make, of_three, torch.tensor(X))
    path = exported(network, tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    rows = as_rows(X[:40]) + odd_rows()
    classes = ("low", "middle", "high")
    given = served(database, OnnxModel(path, classes=classes), rows, as_rows(X))
    assert_as_native(given, shares(forward(network, as_matrix(rows)), classes))
    assert given.runtime == runtime
    assert given.program.has_probabilities


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize(
    ("last", "runtime"), [([], "sql"), ([nn.LogSoftmax(dim=1)], "worker")], ids=["logits", "log softmax"]
)
def test_scores_of_classes(
    database: TestDatabase, tmp_path: Path, last: list[nn.Module], runtime: str, exporter: str
) -> None:
    network = fitted(
        mlp(*last, width=3), lambda y: nn.functional.cross_entropy(y, torch.tensor(THREE)), torch.tensor(X)
    )
    path = exported(network, tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    with pytest.raises(UnsupportedModel, match=r"gives 3 numbers .*append an ArgMax, name the classes"):
        program_of(path, TYPES)
    rows = as_rows(X[:40]) + odd_rows()
    given = served(database, OnnxModel(path, classes=(10, 20, 30)), rows, as_rows(X))
    assert_as_native(given, scored(forward(network, as_matrix(rows)), (10, 20, 30)))
    assert given.runtime == runtime
    assert not given.program.has_probability


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_label_and_probabilities(database: TestDatabase, tmp_path: Path, exporter: str) -> None:
    network = fitted(Labelled, lambda y: of_three(y[1]), torch.tensor(X))
    path = exported(network, tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    rows = as_rows(X[:40]) + odd_rows()
    given = served(database, path, rows, as_rows(X))
    assert_as_native(given, shares(forward(network, as_matrix(rows))[1], (0, 1, 2)))
    assert given.runtime == "sql"


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_an_embedding(database: TestDatabase, tmp_path: Path, exporter: str) -> None:
    codes = np.random.default_rng(SEED).integers(0, 5, len(X))
    network = fitted(Embedded, squared, torch.tensor(codes), torch.tensor(X[:, 1:]))
    given = (torch.tensor(codes[:4]), torch.tensor(X[:4, 1:]))
    path = exported(network, tmp_path / "model.onnx", exporter, *given, names=("code", "x"))
    types = {"a": "bigint", "b": "double precision", "c": "double precision"}
    rows = [{**row, "a": code} for row, code in zip(as_rows(X), codes.tolist(), strict=True)]
    odd = [{**rows[0], "b": None}, {**rows[0], "b": 1e6}]
    native = numbers(forward(network, [row["a"] for row in rows[:40] + odd], as_matrix(rows[:40] + odd)[:, 1:]))
    unknown = [{**rows[0], "a": None}, {**rows[0], "a": 5}]  # PyTorch raises IndexError for the code 5
    result = served(database, path, rows[:40] + odd + unknown, rows, types)
    assert_as_native(result, native + [{"error": "no such code"}] * 2)
    assert result.runtime == "worker"


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_log_odds_are_no_probability(tmp_path: Path, exporter: str) -> None:
    path = exported(mlp()().eval(), tmp_path / "model.onnx", exporter, torch.tensor(X[:4]))
    with pytest.raises(UnsupportedModel, match="append a Sigmoid"):
        program_of(OnnxModel(path, classes=(0, 1)), TYPES)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_fixed_number_of_rows_is_refused(tmp_path: Path, exporter: str) -> None:
    path = tmp_path / "model.onnx"
    torch.onnx.export(mlp()().eval(), (torch.tensor(X[:1]),), path, dynamo=exporter == "dynamo", verbose=False)
    with pytest.raises(UnsupportedModel, match="a fixed number of rows, 1: export it with a dynamic first dimension"):
        program_of(path, TYPES)


def test_weights_beside_the_file_are_refused(tmp_path: Path) -> None:
    """torch.onnx.export writes them so unless it is told otherwise."""
    path = tmp_path / "model.onnx"
    shapes = ({0: "rows"},)
    torch.onnx.export(
        nn.Linear(3, 400), (torch.tensor(X[:4]),), path, dynamic_shapes=shapes, external_data=True, verbose=False
    )
    with pytest.raises(UnsupportedModel, match="keeps weights in other files"):
        program_of(OnnxModel(path, classes=tuple(range(400))), TYPES)
