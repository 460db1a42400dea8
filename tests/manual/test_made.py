"""Pages that are made from the program are as the program makes them now: `python -m manual` writes them anew."""

import re
from pathlib import Path

import fsdb
from manual import commands, picture, surface
from tests.conftest import TestDatabase

DOCS = Path(__file__).parents[2] / "docs"
STALE = "is stale: run `python -m manual`"


def test_the_commands() -> None:
    assert (DOCS / "reference/commands.md").read_text(encoding="utf-8") == commands.page(), f"commands.md {STALE}"


def test_the_sql(database: TestDatabase) -> None:
    assert (DOCS / "reference/sql.md").read_text(encoding="utf-8") == surface.page_of(database.url), f"sql.md {STALE}"


def test_the_picture(database: TestDatabase) -> None:
    assert (DOCS / "pictures/session.svg").read_text(encoding="utf-8") == picture.drawn(database.url), (
        f"session.svg {STALE}"
    )


def test_the_python_page_has_every_public_name() -> None:
    named = set(
        re.findall(r"^::: fsdb\.(\w+)$", (DOCS / "reference/python.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    errors = {
        name
        for name in fsdb.__all__
        if isinstance(getattr(fsdb, name), type) and issubclass(getattr(fsdb, name), Exception)
    }
    assert set(fsdb.__all__) - errors <= named
    assert "errors" in named
