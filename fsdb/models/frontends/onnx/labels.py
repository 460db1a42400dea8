"""The labels of a classifier, by what the file says of them."""

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.onnx import signature
from fsdb.models.frontends.onnx.source import Source

_PASSED = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_UNBOUNDED = frozenset({"Gemm", "MatMul", "LinearRegressor", "Conv"})


def known_labels(source: Source, outputs: signature.Outputs) -> tuple[Any, ...] | None:
    """The labels that the graph gives, in the order of its classes; None for a regression.

    A file that has none gives 0, 1, … UnsupportedModel: it does not say how many there are, or whether it is a classifier.
    """
    name = outputs.label
    if name is None:
        return _of_scores(source, outputs)
    found = _of_node(source, signature.origin(source, name, _PASSED))
    if found is None and outputs.scores is not None:
        found = _of_node(source, signature.origin(source, outputs.scores, frozenset({"Identity"})))
    if found is None:
        count = len(source.classes or ()) or (outputs.scores and signature.width(source, outputs.scores)) or 0
        texts = any(output.name == name and output.type == "tensor(string)" for output in source.session.get_outputs())
        if texts and source.classes:
            found = source.classes
        elif not texts and count > 1:
            found = tuple(range(count))
    if found is None or len(found) < 2:
        raise UnsupportedModel(
            f"the ONNX model does not say which classes its output {name!r} has: name them with "
            "fsdb.OnnxModel(model, classes=(…))"
        )
    return found


def _of_scores(source: Source, outputs: signature.Outputs) -> tuple[Any, ...] | None:
    name = outputs.scores or ""
    width = signature.width(source, name)
    if source.classes is not None:
        if len(source.classes) < 2 or (
            width is not None and width not in (len(source.classes), 3 - len(source.classes))
        ):
            raise UnsupportedModel(
                f"the ONNX model gives {width} numbers in its output {name!r}, but classes= names {len(source.classes)}: "
                "name as many, or two for one probability"
            )
        _check_probability(source, name, width)
        return tuple(range(len(source.classes)))
    if width is None or width > 1:
        shown = "an unknown number of" if width is None else str(width)
        raise UnsupportedModel(
            f"the ONNX model gives {shown} numbers in its output {name!r}, which may be several targets or the scores of classes: "
            "append an ArgMax, name the classes with fsdb.OnnxModel(model, classes=(…)), or keep one number"
        )
    return None


def _check_probability(source: Source, name: str, width: int | None) -> None:
    """UnsupportedModel: a single number for two classes is a sum of products, which is no probability."""
    if width == 1:
        node = signature.origin(source, name, _PASSED | {"Add"})
        if node is not None and node.op_type in _UNBOUNDED:
            raise UnsupportedModel(
                f"the output {name!r} of the ONNX model is not a probability of the second class but comes from {node.op_type}, as "
                "log-odds do: append a Sigmoid to the model before it is exported"
            )


def _of_node(source: Source, node: Any) -> tuple[Any, ...] | None:
    """The labels that a node chooses from."""
    if node is None:
        return None
    attributes = {given.name: helper.get_attribute_value(given) for given in node.attribute}
    for key in ("classlabels_int64s", "classlabels_ints", "classlabels_strings"):
        if attributes.get(key):
            return tuple(value.decode() if isinstance(value, bytes) else value for value in attributes[key])
    if node.op_type in ("ArrayFeatureExtractor", "Gather"):
        for tensor in source.model.graph.initializer:
            if tensor.name == node.input[0]:
                values = np.asarray(numpy_helper.to_array(tensor)).ravel().tolist()
                return tuple(value.decode() if isinstance(value, bytes) else value for value in values)
    if node.op_type in ("ArgMax", "ArgMin"):
        count = signature.width(source, node.input[0])
        return tuple(range(count)) if count is not None and count > 1 else None
    return None
