"""Loads the named SQL texts under sql/ and fills in identifiers and literals, which psycopg quotes."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

_PACKAGE = Path(__file__).parent
_NAME_LINE = "-- name: "


@cache
def data_folder(name: str) -> Path:
    """Where a folder that travels with the package (`sql`, `migrations`, `examples`) lies.

    In a wheel it is inside the package; in a checkout it stands beside it.
    """
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


@cache
def texts(file: Path) -> dict[str, str]:
    """The SQL texts of a file by name: each begins with a line `-- name: …` and a sentence of comment."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(_NAME_LINE):
            name = line.removeprefix(_NAME_LINE).strip()
            if name in found:
                raise ValueError(f"{file.name} has two texts named {name!r}")
            lines = found[name] = []
        elif lines is not None:
            lines.append(line)
    return {name: "\n".join(body).strip() for name, body in found.items()}


def query(file: str, name: str, /, **parts: Composable) -> Composed:
    """The text `name` of sql/`file`.sql with each `{part}` replaced by a psycopg composable.

    Values stay as `%(value)s` and are bound when the query is executed. Braces that belong to the SQL are doubled
    in the file.
    """
    return _template(file, name).format(**parts)


def fragment(file: str, name: str, /, **parts: Composable) -> Composed:
    """As `query`, without the comment: a part of a longer text, which a hundred comments would fill."""
    head, *rest = query(file, name, **parts)
    lines = head.as_string().split("\n")
    while lines[0].startswith("--"):
        del lines[0]
    return Composed([SQL("\n".join(lines)), *rest])


def run(connection: Connection[Any], statements: Sequence[Composable]) -> None:
    """Executes statements without values in their order, in one message to the server. Outside of a transaction they are one."""
    if statements:
        connection.execute(joined(statements, ";\n"), prepare=False)


@cache
def _template(file: str, name: str) -> sql.SQL:
    return sql.SQL(texts(data_folder("sql") / f"{file}.sql")[name])


def with_values(statement: Composable) -> Composed:
    """A statement that is executed with values, in which a percent sign of a name or a literal is one: psycopg reads it as the mark of a
    value otherwise."""
    if isinstance(statement, Composed):
        return Composed([with_values(part) for part in statement])
    if isinstance(statement, Identifier | Literal):
        return Composed([sql.SQL(statement.as_string().replace("%", "%%"))])
    return Composed([statement])


def joined(parts: Sequence[Composable], separator: str = ", ") -> Composed:
    """Parts with a separator between them."""
    return sql.SQL(separator).join(list(parts))
