"""Where :since and :until are parameters."""

import pytest
from psycopg.sql import SQL

from fsdb.jobs.parameters import filled, names_in

VALUES = {"since": SQL("<S>"), "until": SQL("<U>")}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("at > :since AND at <= :until", "at > <S> AND at <= <U>"),
        ("a::since, :since::date, x[1:2]", "a::since, <S>::date, x[1:2]"),
        ("':since' || 'it''s :until' || :until", "':since' || 'it''s :until' || <U>"),
        (r"E'\':since' || :since || e'\\' || :until", r"E'\':since' || <S> || e'\\' || <U>"),
        ('":since" = :since', '":since" = <S>'),
        ("$$ :since $$ || $a$ $$ :until $a$ || :until", "$$ :since $$ || $a$ $$ :until $a$ || <U>"),
        ("a$b$ > :since -- :until\n AND :until", "a$b$ > <S> -- :until\n AND <U>"),
        ("/* :since /* :until */ :since */ :since", "/* :since /* :until */ :since */ <S>"),
        (":since_day = :untilx", ":since_day = :untilx"),
        ("'{}' || :since || '%s'", "'{}' || <S> || '%s'"),
        ("/* open :since", "/* open :since"),
    ],
)
def test_parameters_are_filled_in_outside_of_texts_names_and_comments(query: str, expected: str) -> None:
    assert filled(query, VALUES).as_string() == expected
    assert names_in(query) == {name for name in VALUES if f"<{name[0].upper()}>" in expected}
