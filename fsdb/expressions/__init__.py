"""Expressions: one SQL text, a small typed tree, and its value in PostgreSQL and in Arrow, the same to the bit.

Nothing here imports sqlglot but `parsing` and `translation`, which are loaded when an expression is defined.
"""

from fsdb.expressions.documents import from_document, to_document
from fsdb.expressions.evaluation import evaluate
from fsdb.expressions.statements import value_sql
from fsdb.expressions.tree import Call, Case, Constant, Input, Node, inputs_of, renamed

__all__ = [
    "Call",
    "Case",
    "Constant",
    "Input",
    "Node",
    "evaluate",
    "from_document",
    "inputs_of",
    "renamed",
    "to_document",
    "value_sql",
]
