"""What running.py must know beside the ONNX bytes: the parts that are the same for every program."""

from dataclasses import dataclass
from typing import Any

from fsdb.models.backends.onnx.sources import kind
from fsdb.models.program import Argmax, Output, Program, Regression, Several, Threshold


@dataclass(frozen=True, slots=True)
class Compiled:
    """The ONNX model and its description, which is JSON."""

    model: bytes
    description: str


def output_of(output: Output) -> tuple[list[int], dict[str, Any]]:
    """The slots that the prediction is read from, and how."""
    match output:
        case Regression(value=value):
            return [value], {"is": "regression", "value": value}
        case Threshold(score=score, inclusive=inclusive, probability=share):
            slots = [score] if share is None else [score, share]
            return slots, {"is": "threshold", "score": score, "inclusive": inclusive, "probability": share}
        case Argmax(scores=scores, probabilities=shares):
            given = {"is": "argmax", "scores": list(scores), "probabilities": None if shares is None else list(shares)}
            return [*scores, *(shares or ())], given
        case Several(targets=targets, counts=counts):
            parts = [output_of(target) for target in targets]
            every = [slot for slots, _ in parts for slot in slots]
            return every, {"is": "several", "targets": [given for _, given in parts], "counts": list(counts)}


def described(program: Program, output: dict[str, Any]) -> dict[str, Any]:
    """What is the same for every program: the inputs, and what their prediction is."""
    return {
        "inputs": [{"name": given.name, "kind": kind(given)} for given in program.inputs],
        "output": output,
        "classes": None if program.classes is None else list(program.classes),
        "several": program.has_probabilities,
    }


def placed(output: dict[str, Any], places: dict[int, int]) -> dict[str, Any]:
    """An output whose slots are places among what the graph gives."""
    if output["is"] == "several":
        return {**output, "targets": [placed(target, places) for target in output["targets"]]}
    return {name: _placed(value, places) for name, value in output.items()}


def _placed(value: Any, places: dict[int, int]) -> Any:
    if isinstance(value, list):
        return [places[slot] for slot in value]
    return places[value] if isinstance(value, int) and not isinstance(value, bool) else value
