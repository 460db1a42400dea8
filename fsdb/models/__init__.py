"""Models: a front end turns a fitted estimator into a model program, a back end computes the program."""

import os

from fsdb.models.backends.sql import compile_functions, function_call
from fsdb.models.frontends import OnnxModel, asked, class_of, knows_names, native_outputs, program_of, whole_of
from fsdb.models.parity import PARITY_FLOOR, PARITY_TOLERANCE, same_outputs
from fsdb.models.program import Input, Program
from fsdb.models.splits import crossed_rows, split_rows
from fsdb.models.user_frame import UserFrame

# onnxruntime 1.29 and newer tells its makers about its use, from a thread of its own, unless it is told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "PARITY_FLOOR",
    "PARITY_TOLERANCE",
    "Input",
    "OnnxModel",
    "Program",
    "UserFrame",
    "asked",
    "class_of",
    "compile_functions",
    "crossed_rows",
    "function_call",
    "knows_names",
    "native_outputs",
    "program_of",
    "same_outputs",
    "split_rows",
    "whole_of",
]
