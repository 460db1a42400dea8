"""The ONNX model that was given: read, and refused where onnxruntime could not run it."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from fsdb.errors import UnsupportedModel
from fsdb.models.backends.onnx.contained import nodes, parsed
from fsdb.models.backends.onnx.running import session
from fsdb.models.frontends.onnx import base_values, catboost
from fsdb.models.frontends.onnx_model import OnnxModel, is_file

MOST_BYTES = 64 * 1024 * 1024
MOST_NUMBERS = 1 << 27  # of a tensor that does not depend on how many rows there are
_SILENT = 4  # only what ends the process is logged: what is refused is said in an error


@dataclass(frozen=True, slots=True)
class Source:
    """A model as bytes and as onnx.ModelProto, a session that runs it with one thread, and what the caller said of it."""

    content: bytes
    model: Any
    session: Any
    classes: tuple[Any, ...] | None
    translate: bool


def read(estimator: Any) -> Source:
    """UnsupportedModel: it is no ONNX model, too large, in several files, or has an operator that onnxruntime has not."""
    given = estimator if isinstance(estimator, OnnxModel) else OnnxModel(estimator)
    content = _content(given.model)
    if len(content) > MOST_BYTES:
        raise UnsupportedModel(
            f"the ONNX model has {len(content):,} bytes, more than the {MOST_BYTES:,} that a model may have: "
            "make it smaller, or quantize its weights"
        )
    model = parsed(content)
    _check(model)
    catboost.check(model)
    _check_room(model)
    if base_values.moved(model):
        content = model.SerializeToString()
    return Source(
        content, model, _session(content), None if given.classes is None else tuple(given.classes), given.translate
    )


def operators(model: Any) -> tuple[str, ...]:
    """The names of the operators in a model, sorted."""
    return tuple(sorted({node.op_type for node in nodes(model.graph)}))


def _content(model: Any) -> bytes:
    if isinstance(model, bytes):
        return model
    if isinstance(model, str | Path):
        path = Path(model)
        if not is_file(path):
            raise UnsupportedModel(
                f"{str(model)[:200]!r} is not a file: give a fitted estimator, or the path or bytes of an ONNX model"
            )
        if path.stat().st_size > MOST_BYTES:
            raise UnsupportedModel(
                f"the ONNX model {path.name} has {path.stat().st_size:,} bytes, more than the {MOST_BYTES:,} that a model "
                "may have: make it smaller, or quantize its weights"
            )
        return path.read_bytes()
    if isinstance(model, onnx.ModelProto):
        try:
            content: bytes = model.SerializeToString()
        except ValueError:
            raise UnsupportedModel(
                f"the ONNX model has 2 GB or more, more than the {MOST_BYTES:,} bytes that a model may have: make it smaller"
            ) from None
        return content
    raise UnsupportedModel(
        f"{type(model).__name__} is not an ONNX model: give its bytes, the path of its file, or an onnx.ModelProto"
    )


def _check(model: Any) -> None:
    for given in model.opset_import:
        if given.domain in ("", "ai.onnx") and given.version > onnx.defs.onnx_opset_version():
            raise UnsupportedModel(
                f"the ONNX model uses opset {given.version}, and the installed onnx knows up to "
                f"{onnx.defs.onnx_opset_version()}: export the model for an older opset, or install a newer onnx and onnxruntime"
            )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise UnsupportedModel(f"the ONNX model is malformed ({_first_line(error)}): export it again") from None
    except Exception as error:  # whatever the reader of the format raises for what it does not expect
        raise UnsupportedModel(f"the ONNX model cannot be checked ({_first_line(error)}): export it again") from None


def _check_room(model: Any) -> None:
    """Refuses tensors that are large whatever the rows are: onnxruntime takes the room for them before it looks at one."""
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # as above
        raise UnsupportedModel(f"the ONNX model's shapes do not fit ({_first_line(error)}): export it again") from None
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.HasField("tensor_type"):
            sizes = [max(size.dim_value, 1) for size in value.type.tensor_type.shape.dim]
            if math.prod(sizes) > MOST_NUMBERS:
                raise UnsupportedModel(
                    f"the ONNX model has a tensor {value.name!r} of {math.prod(sizes):,} numbers, more than the {MOST_NUMBERS:,} that one "
                    "may have: make it smaller"
                )


def _session(content: bytes) -> Any:
    try:
        return session(content, _SILENT)
    except Exception as error:  # onnxruntime's exceptions share no other class
        raise UnsupportedModel(
            f"onnxruntime {onnxruntime.__version__} cannot load the ONNX model ({_first_line(error)}): export it with operators "
            "and types that this version has"
        ) from None


def _first_line(error: Exception) -> str:
    """What a library says, in one line and without its prefix."""
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line).strip()[:300]
