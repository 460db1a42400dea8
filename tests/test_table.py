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
