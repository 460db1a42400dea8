"""What expressions do not take, and the way to write it that the refusal names."""

import pytest

from fsdb.errors import InvalidDefinition, UnknownName
from fsdb.expressions.translation import compiled, input_names
from tests.expressions.strategies import TYPES

KINDS = {**TYPES, "n": "numeric", "d": "date", "at": "timestamp with time zone"}


def type_of(name: str) -> str:
    if name not in KINDS:
        raise UnknownName(f"no {name}")
    return KINDS[name]


REFUSED = [
    ("", "empty"),
    ("  \n ", "empty"),
    ("-- only this", "comment"),
    ("x -- why", "comment"),
    ("x /* why */ + 1", "comment"),
    ("x; y", "one expression"),
    ("x;", "one expression"),
    ("x y z", "AS y|no SQL expression|do not know"),
    ("(" * 10_000 + "x" + ")" * 10_000, "letters"),
    ("(" * 900 + "x" + ")" * 900, "nested"),
    ("NOT " * 500 + "c", "nested"),
    ("- " * 1_500 + "x", "nested"),
    ("CASE WHEN c THEN " * 60 + "1" + " END" * 60, "nested"),
    (" + ".join(["x"] * 900), "nested"),
    ("x::float8" + "::real::float8" * 300, "nested"),
    ("+".join(["x"] * 1_500), "words and signs"),
    (
        "((((((x BETWEEN 0 AND 1) BETWEEN c AND c) BETWEEN c AND c) BETWEEN c AND c) BETWEEN c AND c) BETWEEN c AND c)"
        + " AND c" * 9,
        None,
    ),
    ("i / 2", "a::float8 / b, or div"),
    ("n / 2", "a::float8 / b::float8"),
    ("x::text", "differ from engine to engine"),
    ("round(x)", r"floor\(x \+ 0.5\)"),
    ("t < u", 'COLLATE "C"'),
    ("greatest(t, u)", 'COLLATE "C"'),
    ('t COLLATE "de_DE" < u', 'COLLATE "C"'),
    ("upper(t)", 'COLLATE "C"'),
    ("at + interval '1 month'", "hours"),
    ("at + interval '1 day'", "24 hours"),
    ("at::date", "AT TIME ZONE 'UTC'"),
    ("at > '2024-01-01'", "zone"),
    ("at = d", "zone"),
    ("at AT TIME ZONE 'Europe/Berlin'", "UTC"),
    ("extract(hour from at)", "AT TIME ZONE 'UTC'"),
    ("extract(second from at AT TIME ZONE 'UTC')", "epoch"),
    ("exp(x)", "last digits"),
    ("ln(x)", "last digits"),
    ("x ^ 2", "do not know"),
    ("power(x, 2)", "last digits"),
    ("now()", "request column"),
    ("random()", "request column"),
    ("CURRENT_DATE", "request column"),
    ("(SELECT 1)", "no query"),
    ("EXISTS (SELECT 1)", "no query"),
    ("x IN (SELECT 1)", "no query"),
    ("sum(x)", "one row"),
    ("count(*) OVER ()", "no query|one row"),
    ("pg_sleep(10)", "do not know"),
    ("pg_catalog.abs(x)", "do not know"),
    ("public.f(x)", "do not know"),
    ("lo_import('/etc/passwd')", "do not know"),
    ("$1", "do not know"),
    (":x", "do not know"),
    ("x[1]", "do not know"),
    ("E'\\x41'", "single quotes"),
    ("U&'x'", "single quotes|do not know"),
    ("$$x$$", "single quotes|do not know"),
    ("1_000 + i", "decimal digits"),
    ("0x1F", "decimal digits|single quotes"),
    ("'open", "not closed|words"),
    ("x = y = c", "brackets"),
    ("x = NOT c", "brackets"),
    ("x + c", "boolean"),
    ("c AND x", "condition"),
    ("CASE WHEN c THEN 1 ELSE t END", "one type"),
    ("NULL", "NULL whatever"),
    ("x::uuid", "cast to one of"),
    ("x::numeric(10, 2)", "cast to one of|15 digits|without length"),
    ("n::varchar(3)", "without length|cast"),
    ("t::integer", "no engine"),
    ("2147483647 + 1", "constant part"),
    ("sqrt(-1)", "constant part"),
    ("1e400::float8", "digits|does not hold|constant part"),
    ("i = 'one'", "integer"),
    ("x AS y", "do not know"),
    ("*", "do not know"),
    ("x, y", "do not know|one expression|no SQL"),
    ("x\x00", "zero byte"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_says_what_to_write(text: str, told: str | None) -> None:
    if told is None:
        compiled(text, "e", type_of)
        return
    with pytest.raises(InvalidDefinition, match=told) as caught:
        compiled(text, "e", type_of)
    assert len(str(caught.value)) < 500


def test_inputs_are_named_as_they_are_written() -> None:
    text = 'fee / nullif(card_activity.amount_sum_7_days, 0) + geo."City".area + FEE'
    assert input_names('account.user + account.row * account."select"', "e") == [
        "account.user",
        "account.row",
        "account.select",
    ]
    assert input_names(text, "e") == ["fee", "card_activity.amount_sum_7_days", "geo.City.area"]


def test_a_name_that_nobody_knows_is_told_by_who_knows_the_names() -> None:
    with pytest.raises(UnknownName, match="no missing"):
        compiled("missing + 1", "e", type_of)
