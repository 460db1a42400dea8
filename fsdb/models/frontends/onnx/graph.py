"""A graph as the steps of a program, node by node."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import numpy_helper

from fsdb.models.frontends.onnx import arithmetic, classes, encoders, linear, shapes, sizes, trees
from fsdb.models.frontends.onnx.translation import Node, Translation
from fsdb.models.frontends.onnx.values import Constant, Untranslatable, Value
from fsdb.models.steps import Feed, Step

_OPERATORS: dict[str, Callable[[Node, Translation], Value | tuple[Value, ...]]] = {
    "Add": arithmetic.binary,
    "Sub": arithmetic.binary,
    "Mul": arithmetic.binary,
    "Div": arithmetic.binary,
    "Abs": arithmetic.function,
    "Neg": arithmetic.function,
    "Exp": arithmetic.function,
    "Log": arithmetic.function,
    "Sqrt": arithmetic.function,
    "Floor": arithmetic.function,
    "Ceil": arithmetic.function,
    "Round": arithmetic.function,
    "Sign": arithmetic.function,
    "Tanh": arithmetic.function,
    "Sigmoid": arithmetic.sigmoid,
    "Relu": arithmetic.relu,
    "LeakyRelu": arithmetic.leaky_relu,
    "Clip": arithmetic.clip,
    "Scaler": arithmetic.scaler,
    "Binarizer": arithmetic.binarizer,
    "BatchNormalization": arithmetic.batch_normalization,
    "Gemm": linear.gemm,
    "MatMul": linear.matmul,
    "LinearRegressor": linear.linear_regressor,
    "LinearClassifier": linear.linear_classifier,
    "TreeEnsembleRegressor": trees.tree_regressor,
    "TreeEnsembleClassifier": trees.tree_classifier,
    "TreeEnsemble": trees.tree_ensemble,
    "Imputer": encoders.imputer,
    "OneHotEncoder": encoders.one_hot,
    "LabelEncoder": encoders.label_encoder,
    "Softmax": classes.softmax,
    "ArgMax": classes.argument,
    "ArgMin": classes.argument,
    "Normalizer": classes.normalizer,
    "ZipMap": classes.zip_map,
    "Constant": shapes.constant,
    "Shape": sizes.shape,
    "Slice": sizes.sliced,
    "Identity": sizes.or_else(shapes.identity),
    "Dropout": shapes.identity,
    "Cast": sizes.or_else(shapes.cast),
    "Reshape": shapes.reshaped,
    "Flatten": shapes.reshaped,
    "Squeeze": sizes.or_else(shapes.reshaped),
    "Unsqueeze": sizes.or_else(shapes.reshaped),
    "Concat": sizes.or_else(shapes.concat),
    "FeatureVectorizer": shapes.concat,
    "ArrayFeatureExtractor": shapes.chosen,
    "Gather": sizes.or_else(shapes.chosen),
}
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


@dataclass(frozen=True, slots=True)
class Translated:
    """What the wanted outputs are, the steps that make them, and the inputs that may not be missing."""

    values: Mapping[str, Value]
    steps: Sequence[Step]
    required: frozenset[int]


def translated(model: Any, feeds: Sequence[Feed], count: int, wanted: Sequence[str]) -> Translated:
    """The outputs of those names. Untranslatable: an operator among those that they need is none of the above."""
    translation = Translation(count)
    values: dict[str, Value] = {
        tensor.name: Constant(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer
    }
    for feed in feeds:
        values[feed.name] = translation.fed(feed)
    uses = Counter(name for node in model.graph.node for name in node.input)
    uses.update(output.name for output in model.graph.output)
    functions = {(function.domain, function.name) for function in model.functions}
    for proto in _needed(model.graph, wanted):
        handler = _OPERATORS.get(proto.op_type)
        if handler is None or proto.domain not in _DOMAINS or (proto.domain, proto.op_type) in functions:
            raise Untranslatable(proto.op_type)
        result = handler(Node(proto, [values.get(name) for name in proto.input], uses), translation)
        made = result if isinstance(result, tuple) else (result,)
        values.update(zip(proto.output, made, strict=False))
    if not set(wanted) <= values.keys():
        raise Untranslatable("an output")
    return Translated(
        {name: values[name] for name in wanted}, tuple(translation.steps), frozenset(translation.required)
    )


def _needed(graph: Any, wanted: Sequence[str]) -> list[Any]:
    """The nodes that the outputs depend on, in the graph's order, in which a node stands behind those that it reads."""
    names = set(wanted)
    found = []
    for node in reversed(graph.node):
        if names & set(node.output):
            names |= set(node.input)
            found.append(node)
    return found[::-1]
