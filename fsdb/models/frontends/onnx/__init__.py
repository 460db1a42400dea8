"""The ONNX front end. onnx and onnxruntime are imported in this folder, in the ONNX back end, and nowhere else."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.onnx import signature
from fsdb.models.frontends.onnx.graph import Translated, translated
from fsdb.models.frontends.onnx.labels import known_labels
from fsdb.models.frontends.onnx.missing import takes_missing
from fsdb.models.frontends.onnx.native import native_outputs
from fsdb.models.frontends.onnx.source import MOST_BYTES, Source, operators, read
from fsdb.models.frontends.onnx.values import Label, Shares, Tensor, Untranslatable
from fsdb.models.program import Argmax, Input, Output, Program, Regression, Threshold
from fsdb.models.steps import Bounds, Feed, Graph, Linear, Step
from fsdb.models.user_frame import UserFrame

# What reading a malformed graph raises: tensors shorter than their shapes, attributes that are absent or of other lengths and types.
_MISFITS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    MemoryError,
)

__all__ = ["MOST_BYTES", "class_of", "input_names", "native_outputs", "program_of"]


def program_of(estimator: Any, inputs: Mapping[str, str], _frame: UserFrame | None = None) -> Program:
    """The model program of an ONNX model: its bytes, the path of its file, an onnx.ModelProto or an OnnxModel.

    `inputs` are names and PostgreSQL types. A graph that reads one tensor of shape (rows, columns) takes them by position; one
    that reads a tensor for each column, of shape (rows, 1) or (rows), takes them by name. NULL is NaN in a tensor of float or
    double where the graph has an operator for it (Imputer, IsNaN, tree ensembles), otherwise the row is refused, as is NULL in
    a tensor of any other type. An infinite number, or one that is infinite as float32 in a tensor of float, is refused as well.

    A graph whose operators the steps of a program express becomes these; any other is kept whole as a step Graph, which
    onnxruntime alone runs.

    UnsupportedModel: what was given is no ONNX model that onnxruntime can load, it does not say what its prediction is, or its inputs
    are others than those given.
    """
    source = read(estimator)
    with _whole_sentences():
        given, feeds = signature.bound(source, inputs)
        outputs = signature.outputs(source)
        labels = known_labels(source, outputs)
        if source.translate:
            try:
                return _stepwise(source, given, feeds, outputs, labels)
            except (
                Untranslatable,
                *_MISFITS,
            ):  # attributes that do not fit each other: whether onnxruntime takes them is its own to say
                pass
        return _whole(source, given, feeds, outputs, labels)


def input_names(estimator: Any) -> list[str] | None:
    """The inputs of a graph that takes them by name; None for one that takes them by position."""
    return signature.input_names(read(estimator))


def class_of(estimator: Any) -> str:
    """What the model is, in a word: ONNX and its operators."""
    shown = operators(read(estimator).model)
    return f"ONNX({', '.join(shown[:8])}{', …' if len(shown) > 8 else ''})"


@contextmanager
def _whole_sentences() -> Iterator[None]:
    """Says what does not fit in a graph in the project's words."""
    try:
        yield
    except _MISFITS as error:
        raise UnsupportedModel(
            f"the ONNX model has attributes or tensors that do not fit each other ({error}): export it again"
        ) from error


def _stepwise(
    source: Source,
    given: tuple[Input, ...],
    feeds: tuple[Feed, ...],
    outputs: signature.Outputs,
    labels: tuple[Any, ...] | None,
) -> Program:
    wanted = [name for name in (outputs.label, outputs.scores) if name is not None]
    found = translated(source.model, feeds, len(given), wanted)
    extra: list[Step] = []
    if outputs.label is not None:
        output = _labelled(found, outputs, labels)
    else:
        output = _scored(source, found, outputs, labels, extra, len(given))
    steps = (*_bounds(feeds, found.required), *found.steps, *extra)
    return Program(given, steps, output, _classes(source, labels))


def _labelled(found: Translated, outputs: signature.Outputs, labels: tuple[Any, ...] | None) -> Output:
    label = found.values[outputs.label or ""]
    if not isinstance(label, Label) or label.labels != labels:
        raise Untranslatable("the label")
    shares = None
    if outputs.scores is not None:
        value = found.values[outputs.scores]
        if isinstance(value, Shares) and value.labels != labels:
            raise Untranslatable("ZipMap")
        tensor = value.tensor if isinstance(value, Shares) else value
        if not isinstance(tensor, Tensor) or len(tensor.slots) != len(labels):
            raise Untranslatable("the probabilities")
        shares = tensor.slots
    if isinstance(label.rule, Threshold):
        return Threshold(label.rule.score, label.rule.inclusive, None if shares is None else shares[1])
    return Argmax(label.rule.scores, shares)


def _scored(
    source: Source,
    found: Translated,
    outputs: signature.Outputs,
    labels: tuple[Any, ...] | None,
    extra: list[Step],
    count: int,
) -> Output:
    """A regression, or a class by the largest number; `extra` takes steps."""
    value = found.values[outputs.scores or ""]
    if not isinstance(value, Tensor) or value.type not in ("float", "double"):
        raise Untranslatable("the output")
    if labels is None:
        if len(value.slots) != 1:
            raise Untranslatable("the output")
        return Regression(value.slots[0])
    if len(value.slots) == 1:
        extra.append(Linear(value.slots, ((1.0,),), (-0.5,)))
        end = count + sum(step.width for step in found.steps)
        return Threshold(end, False, value.slots[0])
    if len(value.slots) != len(labels):
        raise Untranslatable("the output")
    return Argmax(value.slots, value.slots if _is_softmax(source, outputs) else None)


def _whole(
    source: Source,
    given: tuple[Input, ...],
    feeds: tuple[Feed, ...],
    outputs: signature.Outputs,
    labels: tuple[Any, ...] | None,
) -> Program:
    graph = Graph(
        base64.b64encode(source.content).decode(),
        feeds,
        outputs.label,
        outputs.scores,
        labels,
        operators(source.model),
    )
    first = len(given)
    output: Output
    if labels is None:
        output = Regression(first)
    else:
        slots = tuple(range(first, first + len(labels)))
        shares = None
        if outputs.label is not None and outputs.scores is not None:
            shares = tuple(range(first + len(labels), first + 2 * len(labels)))
        elif outputs.label is None and (len(labels) == 2 or _is_softmax(source, outputs)):
            shares = slots if _is_softmax(source, outputs) or _is_single(source, outputs) else None
        output = Argmax(slots, shares)
    required = {column for feed in feeds if not takes_missing(source.model, feed.name) for column in feed.columns}
    return Program(given, (*_bounds(feeds, frozenset(required)), graph), output, _classes(source, labels))


def _bounds(feeds: tuple[Feed, ...], required: frozenset[int]) -> list[Step]:
    """What is refused before the graph: by whether a column may be missing and whether it is float32."""
    groups: dict[tuple[bool, bool], list[int]] = {}
    for feed in feeds:
        if feed.type == "string":
            continue
        fractions = feed.type in ("float", "double")
        for column in feed.columns:
            missing = fractions and column not in required
            groups.setdefault((missing, feed.type == "float"), []).append(column)
    return [Bounds(tuple(columns), missing, float32) for (missing, float32), columns in sorted(groups.items())]


def _classes(source: Source, labels: tuple[Any, ...] | None) -> Any:
    """The classes as they are shown: those that the caller gave, or the labels of the file."""
    if labels is None or source.classes is None:
        return labels
    if len(source.classes) != len(labels):
        raise UnsupportedModel(
            f"the ONNX model has {len(labels)} classes, but classes= names {len(source.classes)}: name each, in its order"
        )
    return source.classes


def _is_softmax(source: Source, outputs: signature.Outputs) -> bool:
    node = signature.origin(source, outputs.scores or "", frozenset({"Identity", "Cast"}))
    return node is not None and node.op_type == "Softmax"


def _is_single(source: Source, outputs: signature.Outputs) -> bool:
    return signature.width(source, outputs.scores or "") == 1
