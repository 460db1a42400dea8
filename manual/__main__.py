"""Writes the pages that are made from the program: `python -m manual` all of them, `python -m manual commands` one.

docs/reference/commands.md comes from the help of the commands, docs/reference/sql.md from the catalog of a database that has one of everything,
tests/manual says when one is stale.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from manual import commands, surface

DOCS = Path(__file__).parent.parent / "docs"


def _commands() -> dict[str, str]:
    return {"reference/commands.md": commands.page()}


def _sql() -> dict[str, str]:
    return {"reference/sql.md": surface.page_of_embedded()}


MADE: dict[str, Callable[[], dict[str, str]]] = {"commands": _commands, "sql": _sql}


def main(wanted: list[str]) -> None:
    """Writes what is wanted, or everything."""
    for name in wanted or MADE:
        for file, text in MADE[name]().items():
            (DOCS / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
