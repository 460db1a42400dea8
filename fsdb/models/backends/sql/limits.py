"""What is too large for a function of PostgreSQL: refused when it is compiled, with the size, the limit, and what to use instead."""

from fsdb.errors import UnsupportedModel
from fsdb.models.program import Program
from fsdb.models.steps import Graph, Kernel, Neighbors

MOST_TEXT = 100_000_000  # bytes of a function, which each connection that scores reads once; a value ends at 1 GB
MOST_INPUTS = 1_600  # columns of a table
MOST_COLUMNS = 1_600  # of the query over the points of a model: PostgreSQL stops at 1,664
_INSTEAD = "deploy it with runtime='onnx' or runtime='worker'"


def check_program(program: Program) -> None:
    """Raises UnsupportedModel for a program that needs more columns than a table or a query can have, or is an ONNX graph."""
    if len(program.inputs) > MOST_INPUTS:
        raise UnsupportedModel(
            f"the model has {len(program.inputs):,} inputs, and a table of PostgreSQL has at most {MOST_INPUTS:,} columns: "
            "deploy it with runtime='worker', or fit it on fewer"
        )
    for step in program.steps:
        if isinstance(step, Graph):
            raise UnsupportedModel(f"the ONNX graph with {', '.join(step.operators)} has no SQL form: {_INSTEAD}")
        if isinstance(step, Kernel | Neighbors) and len(step.columns) > MOST_COLUMNS:
            raise UnsupportedModel(
                f"a {type(step).__name__} step of the model compares {len(step.columns):,} columns, and a query of PostgreSQL has "
                f"at most {MOST_COLUMNS:,}: {_INSTEAD}"
            )


def check_text(text: str) -> None:
    """Raises UnsupportedModel for the text of a function that is too long."""
    size = len(text.encode())
    if size > MOST_TEXT:
        raise UnsupportedModel(
            f"the model makes an SQL function of {size / 1e6:,.1f} MB, where {MOST_TEXT / 1e6:,.1f} MB are supported: {_INSTEAD}"
        )
