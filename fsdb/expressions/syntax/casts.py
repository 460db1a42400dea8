"""Casts between types."""

from sqlglot import exp

from fsdb.errors import FsdbError
from fsdb.expressions.kinds import (
    FLOATS,
    IN_UTC,
    INTEGERS,
    MOMENT,
    NUMBERS,
    RESULTS,
    UNKNOWN,
)
from fsdb.expressions.syntax.translator import Translator
from fsdb.expressions.tree import Node
from fsdb.types import sql_type

_CASTS = {
    **dict.fromkeys(INTEGERS, (*NUMBERS, UNKNOWN)),
    "integer": (*NUMBERS, "boolean", UNKNOWN),
    **dict.fromkeys(FLOATS, (*NUMBERS, UNKNOWN)),
    "numeric": (*INTEGERS, "numeric", UNKNOWN),
    "boolean": ("boolean", "integer", UNKNOWN),
    "text": (*INTEGERS, "boolean", "text", "date", UNKNOWN),
    "date": ("date", IN_UTC, UNKNOWN),
    MOMENT: (MOMENT, UNKNOWN),
}


def cast(self: Translator, node: exp.Expression) -> Node:
    self.only(node, "this", "to")
    spelled = node.args["to"].sql("postgres")
    try:
        kind = sql_type(spelled, f"A cast in expression {self.name}")
    except FsdbError as error:
        raise self.refused(f"casts to {spelled}", f"cast to one of {', '.join(RESULTS)}") from error
    if kind == "character varying":
        kind = "text"
    if type(node.this) is exp.IntDiv:  # div of integers, which PostgreSQL makes numeric and sqlglot casts
        return self.node(node.this)
    if kind not in RESULTS:
        raise self.refused(f"casts to {spelled}", f"cast to one of {', '.join(RESULTS)}, without length or digits")
    value = self.node(node.this)
    if value.type not in _CASTS[kind]:
        raise self.refused(
            f"casts {value.type} to {kind}",
            _CAST_ADVICE.get((value.type, kind), "no engine-independent value is known for it"),
        )
    return self.typed(value, kind)


_CAST_ADVICE = {
    **dict.fromkeys(
        [(kind, "text") for kind in FLOATS], "the digits of such a text differ from engine to engine; keep the number"
    ),
    **dict.fromkeys([(kind, "numeric") for kind in FLOATS], "PostgreSQL keeps 15 digits of it; keep the number"),
    (MOMENT, "date"): "write (x AT TIME ZONE 'UTC')::date: which day it is depends on the zone",
    ("date", MOMENT): "when a day begins depends on the session's time zone; compare dates",
    (MOMENT, "text"): "it would follow the session's time zone",
    ("text", "date"): "what a text means as a date depends on the session; keep a date",
}
