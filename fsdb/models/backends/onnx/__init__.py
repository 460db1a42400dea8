"""The ONNX back end: a program as a graph that onnxruntime runs. onnx and onnxruntime are imported in this folder, in the front
end of ONNX, and nowhere else."""

from pathlib import Path

from fsdb.models.backends.onnx.compiled import compiled
from fsdb.models.backends.onnx.description import Compiled
from fsdb.models.backends.onnx.running import RowRefused
from fsdb.models.backends.onnx.scorer import Scorer
from fsdb.models.program import Program

__all__ = ["Compiled", "RowRefused", "Scorer", "compile_onnx", "compiled", "describe", "runner_source"]


def compile_onnx(program: Program) -> bytes:
    """The ONNX model of a program. UnsupportedModel names a step that has no ONNX form."""
    return compiled(program).model


def describe(program: Program) -> str:
    """What running.py must know beside the ONNX bytes, as JSON."""
    return compiled(program).description


def runner_source() -> str:
    """The source of running.py, which needs the standard library, numpy and onnxruntime alone: `Runner(model, description)`."""
    return (Path(__file__).parent / "running.py").read_text(encoding="utf-8")
