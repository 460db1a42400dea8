"""ts.explain(): the router's thoughts as tables."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fsdb.training import build
from tests.routing.engines import Fake

Only = Callable[..., None]


def test_what_it_shows(weather: psycopg.Connection, asked: Any, only: Only) -> None:
    only((Fake("odd", "cannot compare <such> keys."), 0.5), (Fake("cheap"), 1.0), (Fake("dear"), 2.0))
    built = build(weather, **asked)
    explained = built.explain()
    rows = explained.engines.to_dicts()
    assert [(row["engine"], row["estimate_s"], row["chosen"], row["why"]) for row in rows] == [
        ("odd", 0.5, False, "cannot compare <such> keys."),
        ("cheap", 1.0, True, "the cheapest that can"),
        ("dear", 2.0, False, "dearer"),
    ]
    assert [row["actual_s"] for row in rows] == [None, pytest.approx(built.routing.seconds, rel=0.01), None]
    assert explained.sets.to_dicts() == [
        {
            "feature_set": "weather",
            "features": 1,
            "versions": 3,
            "rows_in_copy": 0,
            "rows_in_tail": 3,
            "files_read": 0,
            "files_pruned": 0,
            "rows_matched": 2,
            "share_matched": 1.0,
        }
    ]
    assert (explained.known, explained.plan) == ("now", built.plan)
    assert explained.notice == built.notice
    assert explained.to_dict()["engines"] == rows
    printed = repr(explained)
    for words in (
        "Built by cheap",
        "dearer",
        "Read for 2 spine rows",
        "rows_in_tail",
        "known now. 2 of 2 feature values",
    ):
        assert words in printed
    html = explained._repr_html_()
    assert "cannot compare &lt;such&gt; keys." in html
    assert html.count("<table ") == 3


def test_of_an_engine_that_was_asked_for(weather: psycopg.Connection, asked: Any, only: Only) -> None:
    only((Fake("cheap"), 1.0), (Fake("dear"), 2.0))
    explained = build(weather, **asked, engine="dear", known="then").explain()
    assert [row["why"] for row in explained.engines] == ["not asked for", "asked for"]
    assert "known then. Every value was recorded by its row's own timestamp." in repr(explained)


def test_the_engines_that_there_are(weather: psycopg.Connection, asked: Any) -> None:
    explained = build(weather, **asked).explain()
    estimates = {row["engine"]: row["estimate_s"] for row in explained.engines}
    assert explained.routing.engine == "postgres"
    assert {"postgres", "duckdb"} <= set(estimates)
    assert all(estimate > 0 for estimate in estimates.values())
    assert "Index" in explained.plan or "Seq Scan" in explained.plan
