"""The types of expressions, and which type two of them have in common: PostgreSQL's own rules, where the result is one everywhere."""

import re
from collections.abc import Sequence

from fsdb.errors import InvalidDefinition

INTEGERS = ("smallint", "integer", "bigint")
FLOATS = ("real", "double precision")
NUMBERS = (*INTEGERS, "numeric", *FLOATS)  # each goes into those after it
UNKNOWN = "unknown"  # of NULL and of a text in quotes, until something says what it is
IN_UTC = "timestamp without time zone"  # only on the way from AT TIME ZONE 'UTC' to what is taken from it
MOMENT = "timestamp with time zone"
RESULTS = (*NUMBERS, "boolean", "text", "date", MOMENT)

_READ_AS = {"character varying": "text"}


def input_type(kind: str) -> str | None:
    """The type under which an expression reads a column of a type of PostgreSQL's; None where it reads no such column."""
    base = re.sub(r"\([^)]*\)", "", kind)
    base = _READ_AS.get(base, base)
    return base if base in RESULTS and not kind.endswith("]") else None


def common(left: str, right: str) -> str:
    """The type in which an operator takes two numbers: a real with another type is taken as double precision."""
    wider = max(left, right, key=NUMBERS.index)
    return "double precision" if wider == "real" and left != right else wider


def chosen(kinds: Sequence[str], what: str) -> str:
    """The type that CASE, COALESCE, GREATEST and LEAST give, of values of these types. Raises InvalidDefinition where there is none."""
    known = list(dict.fromkeys(kind for kind in kinds if kind != UNKNOWN))
    if not known:
        return "text" if kinds else UNKNOWN
    if len(known) == 1:
        return known[0]
    if all(kind in NUMBERS for kind in known):
        return max(known, key=NUMBERS.index)
    raise InvalidDefinition(f"{what} has values of the types {' and '.join(known)}: cast them to one type with ::.")
