"""The ONNX back end: a program as a graph that onnxruntime runs. onnx and onnxruntime are imported in this folder, in the front
end of ONNX, and nowhere else."""

import ast
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
    """The source of running.py and of what it imports from beside it, as one: `Runner(model, description)`.

    It needs the standard library, numpy and onnxruntime alone.
    """
    return "\n\n".join(map(_without_own_imports, ("inputs", "outputs", "running")))


def _without_own_imports(module: str) -> str:
    source = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fsdb."):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(lines)
