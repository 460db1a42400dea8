"""Where a project keeps its migrations and definitions: what `[tool.fsdb]` of its pyproject.toml says, read without Alembic."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from fsdb.errors import InvalidDefinition
from fsdb.ownership import check_code

FOLDER = "migrations"
DEFINITIONS = "features.py"
MOST_SETTINGS = 1 << 20
MARK = "fsdb_definitions"  # an env.py that names it is one of ours: a folder of another tool is left alone


@dataclass(frozen=True)
class Project:
    """Where a project keeps its migrations and its definitions."""

    folder: Path
    definitions: str

    @property
    def exists(self) -> bool:
        """Whether the folder holds migrations of feature sets."""
        environment = self.folder / "env.py"
        return environment.is_file() and MARK in environment.read_text(encoding="utf-8")


def find_project(start: Path, folder: str | None = None, definitions: str | None = None) -> Project:
    """The project in folder `start`: what is given, else `[tool.fsdb]` of its pyproject.toml, else migrations/ and features.py."""
    settings = _settings(start / "pyproject.toml")
    return Project(
        start / (folder or settings.get("migrations", FOLDER)),
        definitions or settings.get("definitions", DEFINITIONS),
    )


def _settings(file: Path) -> dict[str, str]:
    """`[tool.fsdb]` of a pyproject.toml: it names code that is run, so it must be as one's own as that."""
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > MOST_SETTINGS:
            raise InvalidDefinition(f"{file} is larger than {MOST_SETTINGS:,} bytes, so it is not a pyproject.toml.")
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are values, too
        raise InvalidDefinition(f"{file} cannot be read: {str(error)[:300] or type(error).__name__}.") from error
    tool = found.get("tool", {})
    settings = tool.get("fsdb", {}) if isinstance(tool, dict) else {}
    if not settings:
        return {}
    if not isinstance(settings, dict) or any(
        not isinstance(settings.get(name, ""), str) for name in ("migrations", "definitions")
    ):
        raise InvalidDefinition(
            f'[tool.fsdb] of {file} names no folder or file: write migrations = "…" and definitions = "…".'
        )
    check_code(file)
    return settings
