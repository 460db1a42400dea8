"""Expressions: one SQL text, a small typed tree, and its value in PostgreSQL and in Arrow, the same to the bit.

`translation` imports sqlglot and `evaluation` numpy: they are loaded where an expression is defined and where it is computed outside of PostgreSQL.
"""

from fsdb.expressions.documents import from_document, to_document
from fsdb.expressions.statements import value_sql
from fsdb.expressions.tree import Call, Case, Constant, Input, Node, inputs_of, renamed

__all__ = [
    "Call",
    "Case",
    "Constant",
    "Input",
    "Node",
    "from_document",
    "inputs_of",
    "renamed",
    "to_document",
    "value_sql",
]
