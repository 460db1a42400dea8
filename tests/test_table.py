"""Result tables: what people, notebooks and machines see of the same rows."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from fsdb.table import Table, shown

TABLE = Table.of(
    ("name", "rows", "since", "tags"),
    [("<b>weather</b>", 3, datetime(2013, 1, 1, tzinfo=UTC), ["a", "b"]), ("[red]plane", None, None, [])],
    title="Sets & more",
)


def test_the_terminal_shows_cells_as_they_are_written_and_null_as_nothing() -> None:
    text = repr(TABLE)
    assert "Sets & more" in text
    assert "<b>weather</b>" in text
    assert "[red]plane" in text  # markup in data is data
    assert "2013-01-01 00:00:00+00:00" in text
    assert "None" not in text


def test_html_escapes_what_data_holds() -> None:
    html = TABLE._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;weather&lt;/b&gt;" in html
    assert "<caption>Sets &amp; more</caption>" in html


def test_html_has_text_on_the_left_numbers_on_the_right_and_short_times() -> None:
    moment = datetime(2013, 1, 1, 5, 6, 7, 123456, tzinfo=UTC)
    html = Table.of(("name", "rows", "since"), [("weather", 3, moment), ("plane", None, None)])._repr_html_()
    assert '<td style="text-align: left">weather</td><td style="text-align: right">3</td>' in html
    assert '<th style="text-align: left">name</th><th style="text-align: right">rows</th>' in html
    assert '<td style="text-align: left" title="2013-01-01 05:06:07.123456+00:00">2013-01-01 05:06:07 UTC</td>' in html


def test_machines_get_json() -> None:
    rows = json.loads(json.dumps(TABLE.to_dicts()))
    assert rows[0] == {"name": "<b>weather</b>", "rows": 3, "since": "2013-01-01T00:00:00+00:00", "tags": ["a", "b"]}
    assert rows[1]["since"] is None
    assert len(TABLE) == 2


def test_values_as_people_read_them() -> None:
    assert [shown(v) for v in (True, False, 0.123456789, Decimal("1.50"), None)] == [
        "yes",
        "no",
        "0.123457",
        "1.50",
        "",
    ]
