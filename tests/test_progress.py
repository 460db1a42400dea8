"""Progress: shown where a person looks on, and nowhere else; the caller's own takes its place."""

import io
import sys
from types import ModuleType

import pandas as pd
import pytest

import fsdb
from fsdb import progress
from tests.conftest import TestDatabase

MORE = [fsdb.FeatureSet("w", {"k": "bigint"}, [fsdb.Feature("v", "real")])]
ROWS = pd.DataFrame({"k": range(1000), "v": 1.0})


class Screen(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def store(database: TestDatabase):
    with fsdb.connect(database.url) as store:
        store.apply(MORE)
        yield store


def test_nothing_is_shown_where_nobody_looks_on(store: fsdb.Store, capfd: pytest.CaptureFixture[str]) -> None:
    store.ingest("w", ROWS)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_shows_what_takes_longer_than_a_moment(store: fsdb.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Screen())
    store.ingest("w", ROWS)
    assert sys.stderr.getvalue() == ""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    store.ingest("w", ROWS.assign(v=2.0))
    assert "Rows sent" in sys.stderr.getvalue()
    told: list[int] = []
    monkeypatch.setattr(sys, "stderr", Screen())
    store.ingest("w", ROWS.assign(v=3.0), progress=told.append)
    assert (told[-1], sys.stderr.getvalue()) == (1000, "")


def test_a_notebook_shows_one_line(store: fsdb.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Line:
        def update(self, data: dict[str, str], **_: bool) -> None:
            shown.append(data["text/plain"])

    def display(data: dict[str, str], **_: bool) -> Line:
        shown.append(data["text/plain"])
        return Line()

    made = ModuleType("IPython.display")
    made.display = display
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", made)
    store.ingest("w", ROWS)
    assert shown == []
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    store.ingest("w", ROWS.assign(v=2.0))
    assert shown[-1].startswith("Rows sent: 1,000, ")
