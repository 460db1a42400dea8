"""The ONNX model that was given: read, and refused where onnxruntime could not run it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.onnx import base_values, catboost
from fsdb.models.frontends.onnx_model import OnnxModel, is_file

MOST_BYTES = 64 * 1024 * 1024
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})


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
            f"the ONNX model is of {len(content):,} bytes, more than the {MOST_BYTES:,} that a model may have: "
            "make it smaller, or quantize its weights"
        )
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        raise UnsupportedModel(
            f"these {len(content):,} bytes are no ONNX model: give the bytes of a file that onnx.save wrote"
        ) from None
    _check(model)
    catboost.check(model)
    if base_values.moved(model):
        content = model.SerializeToString()
    return Source(
        content, model, _session(content), None if given.classes is None else tuple(given.classes), given.translate
    )


def operators(model: Any) -> tuple[str, ...]:
    """The names of the operators in a model, sorted."""
    return tuple(sorted({node.op_type for node in _nodes(model.graph)}))


def _content(model: Any) -> bytes:
    if isinstance(model, bytes):
        return model
    if isinstance(model, str | Path):
        path = Path(model)
        if not is_file(path):
            raise UnsupportedModel(
                f"{str(model)[:200]!r} is no file: give a fitted estimator, or the path or bytes of an ONNX model"
            )
        if path.stat().st_size > MOST_BYTES:
            raise UnsupportedModel(
                f"the ONNX model {path.name} is of {path.stat().st_size:,} bytes, more than the {MOST_BYTES:,} that a model "
                "may have: make it smaller, or quantize its weights"
            )
        return path.read_bytes()
    if isinstance(model, onnx.ModelProto):
        try:
            content: bytes = model.SerializeToString()
        except ValueError:
            raise UnsupportedModel(
                f"the ONNX model is of 2 GB or more, more than the {MOST_BYTES:,} bytes that a model may have: make it smaller"
            ) from None
        return content
    raise UnsupportedModel(
        f"{type(model).__name__} is no ONNX model: give its bytes, the path of its file, or an onnx.ModelProto"
    )


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of the graphs inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else ():
                yield from _nodes(inner)


def _check(model: Any) -> None:
    if not model.graph.node or not model.ir_version:
        raise UnsupportedModel("the ONNX model has no graph: give the bytes of a file that onnx.save wrote")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        raise UnsupportedModel(
            "the ONNX model keeps weights in other files: save it as one, with onnx.save(…, save_as_external_data=False)"
        )
    known = {(function.domain, function.name) for function in model.functions}
    for node in _nodes(model.graph):
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in known:
            raise UnsupportedModel(
                f"the ONNX model has the custom operator {node.op_type} of the domain {node.domain!r}, which onnxruntime does "
                "not have: export the model with operators of ONNX"
            )
    for given in model.opset_import:
        if given.domain in ("", "ai.onnx") and given.version > onnx.defs.onnx_opset_version():
            raise UnsupportedModel(
                f"the ONNX model is of opset {given.version}, and the installed onnx knows up to "
                f"{onnx.defs.onnx_opset_version()}: export the model for an older opset, or install a newer onnx and onnxruntime"
            )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise UnsupportedModel(f"the ONNX model is malformed ({_first_line(error)}): export it again") from None


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in _nodes(graph):
        for attribute in node.attribute:
            yield from [attribute.t, *attribute.tensors] if attribute.type in (4, 9) else ()
            for inner in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else ():
                yield from inner.initializer


def _session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no other class
        raise UnsupportedModel(
            f"onnxruntime {onnxruntime.__version__} cannot load the ONNX model ({_first_line(error)}): export it with operators "
            "and types that this version has"
        ) from None


def _first_line(error: Exception) -> str:
    """What a library says, in one line and without its prefix."""
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line).strip()[:300]
