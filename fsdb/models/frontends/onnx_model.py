"""An ONNX model with what its file does not tell."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdb.arguments import checked_definition


@checked_definition
@dataclass(frozen=True, slots=True)
class OnnxModel:
    """An ONNX model to register: its bytes, the path of its file, or an onnx.ModelProto.

    `classes` are the labels of a classifier that has none: of one whose output is a number for each class (the largest is
    predicted) or a single one (the probability of the second class of two), and names for labels that are 0, 1, … in the
    file. `translate=False` keeps the graph whole, for onnxruntime alone.
    """

    model: Any
    classes: tuple[bool, ...] | tuple[int, ...] | tuple[str, ...] | None = None
    translate: bool = True


def is_file(path: str | Path) -> bool:
    """Whether a file is there; a text that no file system takes for a path names none."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def is_onnx(estimator: Any) -> bool:
    """Whether a front end of ONNX is to read it: bytes, a path, an onnx.ModelProto, an OnnxModel."""
    return isinstance(estimator, bytes | str | Path | OnnxModel) or type(estimator).__module__.startswith("onnx.")
