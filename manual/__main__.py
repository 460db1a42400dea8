"""Writes the pages that are made from the program: `python -m manual` all of them, `python -m manual commands` one kind.

docs/reference/commands.md comes from the help of the commands, docs/reference/sql.md from the catalog of a database that has one of everything,
the outputs of the notebooks in docs/tutorial from a run, the drawings in docs/pictures from manual/drawings.py, the picture of the README from a session in psql's form. tests/manual says what is stale.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from fsdb import embedded
from manual import commands, drawings, notebooks, picture, surface

DOCS = Path(__file__).parent.parent / "docs"


@contextmanager
def server() -> Iterator[Callable[[str], str]]:
    """An embedded server that is gone afterwards, on which each call makes a database and gives its URL."""
    with tempfile.TemporaryDirectory(prefix="fsdb-manual-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # run by root, the server is another user's
        url = embedded.start(Path(folder) / "data")

        def database(name: str) -> str:
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
            return make_conninfo(url, dbname=name)

        try:
            yield database
        finally:
            embedded.stop(Path(folder) / "data")


def _commands() -> dict[str, str]:
    return {"reference/commands.md": commands.page()}


def _sql() -> dict[str, str]:
    with server() as database:
        return {"reference/sql.md": surface.page_of(database("surface"))}


def _notebooks() -> dict[str, str]:
    with server() as database:
        found = sorted(notebooks.FOLDER.glob("*.ipynb"))
        return {str(one.relative_to(DOCS)): notebooks.run(one, database(one.stem)) for one in found}


def _picture() -> dict[str, str]:
    with server() as database:
        return {"pictures/session.svg": picture.drawn(database("picture"))}


def _drawings() -> dict[str, str]:
    return {f"pictures/{name}.svg": text for name, text in drawings.drawn().items()}


MADE: dict[str, Callable[[], dict[str, str]]] = {
    "commands": _commands,
    "sql": _sql,
    "drawings": _drawings,
    "picture": _picture,
    "notebooks": _notebooks,
}


def main(wanted: list[str]) -> None:
    """Writes what is wanted, or everything."""
    for name in wanted or MADE:
        for file, text in MADE[name]().items():
            (DOCS / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
