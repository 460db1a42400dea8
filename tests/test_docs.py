"""The documents are true: their Python and SQL run in order, and what they print is what the documents show.

In a shown output `…` stands for anything, so that times and hashes need not be the same.
"""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import TestDatabase

ROOT = Path(__file__).parent.parent
RUN = [
    "README.md",
    "docs/guide.md",
    "docs/time.md",
    "docs/concepts/as-of.md",
    "docs/how-to/sqlalchemy.md",
    "docs/how-to/django.md",
    "docs/how-to/fastapi.md",
    "docs/how-to/schedule.md",
    "docs/how-to/windows.md",
    "docs/how-to/retrain.md",
    "docs/how-to/analysts.md",
    "docs/deployments.md",
    "docs/attach.md",
    "docs/shadow.md",
    "docs/registry.md",
    "docs/operations.md",
    "docs/engines.md",
    "docs/columnar.md",
    "docs/retention.md",
]
BLOCK = re.compile(r"^```(python|sql|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def blocks(document: str) -> Iterator[tuple[str, str, str | None]]:
    """Each block that runs, with the output that the document shows right after it."""
    found = [(m[1], m[2]) for m in BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))]
    for position, (kind, text) in enumerate(found):
        following = found[position + 1] if position + 1 < len(found) else ("", "")
        if kind != "text":
            yield kind, text, following[1] if following[0] == "text" else None


def aligned(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Rows as psql shows them, without its borders."""
    cells = [columns, *[["" if value is None else str(value) for value in row] for row in rows]]
    widths = [max(len(line[position]) for line in cells) for position in range(len(columns))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def run_sql(connection: psycopg.Connection, text: str) -> str:
    cursor = connection.execute(text)  # type: ignore[call-overload]
    while cursor.nextset():
        pass
    if cursor.description is None:
        return ""
    return aligned([column.name for column in cursor.description], cursor.fetchall())


def folded(text: str) -> str:
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines())


def fits(shown: str, printed: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in folded(shown).split("…"))
    return re.fullmatch(pattern, folded(printed), re.DOTALL) is not None


# What the documents write is true of 2013 and recorded today.
@pytest.mark.filterwarnings("ignore::fsdb.LateValues")
@pytest.mark.parametrize("document", RUN)
def test_what_a_document_shows_is_what_happens(
    document: str, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FSDB_URL", database.url)
    monkeypatch.setenv("FSDB_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    compared = 0
    with database.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        for kind, text, shown in blocks(document):
            if kind == "sql":
                printed = run_sql(connection, text)
            else:
                captured = StringIO()
                with redirect_stdout(captured):
                    exec(compile(text, document, "exec"), names)
                printed = captured.getvalue()
            if shown is not None:
                assert fits(shown, printed), f"{document} shows\n{shown}\nbut this is printed:\n{printed}\nby\n{text}"
                compared += 1
    if "store" in names:
        names["store"].close()
    assert compared > 0


def test_the_readmes_commands_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)`?", readme))
    assert {"demo", "test", "check", "bench"} <= named <= targets


@pytest.mark.parametrize(
    "document", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    missing = [target for target in LINK.findall(text) if not ((ROOT / document).parent / target).exists()]
    assert missing == []


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150
