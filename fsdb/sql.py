"""Loads the named SQL texts under sql/ and fills in identifiers and literals, which psycopg quotes."""

from functools import cache
from pathlib import Path

from psycopg import sql
from psycopg.sql import Composable, Composed, Identifier, Literal

_PACKAGE = Path(__file__).parent
_NAME_LINE = "-- name: "


def data_folder(name: str) -> Path:
    """Where a folder that travels with the package (`sql`, `migrations`, `examples`) lies.

    In a wheel it is inside the package; in a checkout it stands beside it.
    """
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


@cache
def _texts(file: str) -> dict[str, str]:
    """The texts of one file of sql/ by name: each begins with a line `-- name: …` and a sentence of comment."""
    texts: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in (data_folder("sql") / f"{file}.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith(_NAME_LINE):
            name = line.removeprefix(_NAME_LINE).strip()
            if name in texts:
                raise ValueError(f"sql/{file}.sql has two texts named {name!r}")
            lines = texts[name] = []
        elif lines is not None:
            lines.append(line)
    return {name: "\n".join(body).strip() for name, body in texts.items()}


def query(file: str, name: str, /, **parts: Composable) -> Composed:
    """The text `name` of sql/`file`.sql with each `{part}` replaced by a psycopg composable.

    Values stay as `%(value)s` and are bound when the query is executed. Braces that belong to the SQL are doubled
    in the file.
    """
    return sql.SQL(_texts(file)[name]).format(**parts)


def joined(
    parts: list[Composed] | list[Identifier] | list[Literal] | list[Composable], separator: str = ", "
) -> Composed:
    """Parts with a separator between them."""
    return sql.SQL(separator).join(parts)
