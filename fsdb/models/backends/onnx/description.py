"""What running.py must know beside the ONNX bytes: the parts that are the same for every program."""

from dataclasses import dataclass
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.program import Argmax, Program, Regression, Threshold


@dataclass(frozen=True, slots=True)
class Compiled:
    """The ONNX model and its description, which is JSON."""

    model: bytes
    description: str


def output_of(program: Program) -> tuple[list[int], dict[str, Any]]:
    """The slots that the prediction is read from, and how."""
    match program.output:
        case Regression(value=value):
            return [value], {"is": "regression", "value": value}
        case Threshold(score=score, inclusive=inclusive, probability=share):
            slots = [score] if share is None else [score, share]
            return slots, {"is": "threshold", "score": score, "inclusive": inclusive, "probability": share}
        case Argmax(scores=scores, probabilities=shares):
            given = {"is": "argmax", "scores": list(scores), "probabilities": None if shares is None else list(shares)}
            return [*scores, *(shares or ())], given
    raise UnsupportedModel(f"the output {type(program.output).__name__} has no ONNX form: use runtime 'sql'")


def placed(value: Any, places: dict[int, int]) -> Any:
    """A slot, or a list of them, as places among the graph's outputs."""
    if isinstance(value, list):
        return [places[slot] for slot in value]
    return places[value] if isinstance(value, int) and not isinstance(value, bool) else value
