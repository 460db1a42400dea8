"""Random expressions as users write them, by the type of their result, and rows for them."""

from typing import Any

from hypothesis import strategies as st

from fsdb.expressions.edges import EDGES

TYPES = {
    "x": "double precision",
    "y": "double precision",
    "r": "real",
    "i": "integer",
    "j": "integer",
    "b": "bigint",
    "s": "smallint",
    "t": "text",
    "u": "text",
    "c": "boolean",
}


def _wrap(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


def _texts(depth: int) -> dict[str, st.SearchStrategy[str]]:
    """Expressions that need no brackets around them."""
    if depth == 0:
        return {
            "float": st.sampled_from(
                ["x", "y", "r", "x", "0.5::float8", "'-0'::float8", "'NaN'::float8", "(-1e308)::float8"]
            ),
            "integer": st.sampled_from(["i", "j", "b", "s", "2", "7", "0", "2147483647"]),
            "boolean": st.sampled_from(["c", "true", "(x > y)", "(i = 1)", "(t = 'ok')"]),
            "text": st.sampled_from(["t", "u", "'ok'", "''"]),
        }
    below = _texts(depth - 1)
    number = below["float"] | below["integer"]
    signs = st.sampled_from(["+", "-", "*"])
    compared = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    either = _wrap("(CASE WHEN {0} THEN {1} ELSE {2} END)", below["boolean"], *[below["float"]] * 2)
    floats = [
        below["float"],
        _wrap("({0} {1} {2})", below["float"], signs, number),
        _wrap("({0}::float8 / {1})", number, number),
        _wrap("({0} {1} {2} {3} {4})", below["float"], signs, number, signs, below["float"]),
        _wrap("(-{0})", below["float"]),
        _wrap("{0}({1})", st.sampled_from(["abs", "floor", "ceil", "trunc", "sign"]), below["float"]),
        _wrap("{0}({1}, {2})", st.sampled_from(["greatest", "least", "coalesce", "nullif"]), below["float"], number),
        _wrap("{0}::{1}", number, st.sampled_from(["float8", "real"])),
        either,
    ]
    integers = [
        below["integer"],
        _wrap("({0} {1} {2})", below["integer"], signs, below["integer"]),
        _wrap("({0} % {1})", below["integer"], below["integer"]),
        _wrap("div({0}, {1})", below["integer"], below["integer"]),
        _wrap("(-{0})", below["integer"]),
        _wrap("abs({0})", below["integer"]),
        _wrap("{0}::{1}", number, st.sampled_from(["smallint", "integer", "bigint"])),
        _wrap("{0}({1}, {2})", st.sampled_from(["greatest", "least", "coalesce", "nullif"]), *[below["integer"]] * 2),
        _wrap("(CASE {0} WHEN 1 THEN {1} WHEN {2} THEN 0 END)", *[below["integer"]] * 3),
        _wrap("{0}::integer", below["boolean"]),
    ]
    booleans = [
        _wrap("({0} {1} {2})", number, compared, number),
        _wrap("({0} AND {1} OR NOT {2})", *[below["boolean"]] * 3),
        _wrap("({0} OR {1})", *[below["boolean"]] * 2),
        _wrap("({0} IS {1})", below["boolean"], st.sampled_from(["NULL", "NOT TRUE", "FALSE", "UNKNOWN", "NOT NULL"])),
        _wrap("({0} IS {1} DISTINCT FROM {2})", number, st.sampled_from(["", "NOT"]), number),
        _wrap("({0} IN ({1}, {2}, NULL))", *[below["integer"]] * 3),
        _wrap("({0} NOT BETWEEN {1} AND {2})", *[number] * 3),
        _wrap("({0} {1} {2})", below["text"], st.sampled_from(["=", "<>"]), below["text"]),
        _wrap('({0} COLLATE "C" {1} {2})', below["text"], compared, below["text"]),
    ]
    words = [
        below["text"],
        _wrap("coalesce({0}, {1})", below["text"], below["text"]),
        _wrap("(CASE WHEN {0} THEN {1} END)", below["boolean"], below["text"]),
        _wrap("{0}::text", st.sampled_from(["i", "c", "b", "s"])),
    ]
    return {
        "float": st.one_of(floats),
        "integer": st.one_of(integers),
        "boolean": st.one_of(booleans),
        "text": st.one_of(words),
    }


def expressions(depth: int = 3) -> st.SearchStrategy[str]:
    """Expressions of every type."""
    return st.one_of(list(_texts(depth).values()))


def rows() -> st.SearchStrategy[dict[str, Any]]:
    """A text for each input, as PostgreSQL reads it; None is NULL."""
    return st.fixed_dictionaries({name: st.sampled_from(EDGES[kind]) for name, kind in TYPES.items()})
