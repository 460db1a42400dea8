"""fsdb revision, merge: migrations for the user's own repository."""

from pathlib import Path
from typing import Annotated

import typer

from fsdb.cli.catalog import MigrationsOption
from fsdb.cli.output import note, say
from fsdb.cli.session import UrlOption, reached
from fsdb.errors import ChangeRefused
from fsdb.migrate import project, settings
from fsdb.migrate.modules import load_definitions


def revision(
    message: Annotated[str, typer.Option("--message", "-m", help="What the migration does; part of its file name.")],
    autogenerate: Annotated[
        bool, typer.Option("--autogenerate", help="Write the difference between the database and the definitions.")
    ] = False,
    definitions: Annotated[
        str | None,
        typer.Option(
            help="Python file or module with the definitions. Without it, \\[tool.fsdb] of pyproject.toml, or else features.py.",
            show_default=False,
        ),
    ] = None,
    migrations: MigrationsOption = None,
    url: UrlOption = None,
) -> None:
    """Write an Alembic migration into the project's folder. Creates the folder the first time."""
    found = settings.find_project(Path(), migrations, definitions)
    loaded = load_definitions(found.definitions) if autogenerate else []
    where = reached(url).url
    if project.scaffold(found):
        note(f"Created {found.folder} with env.py and script.py.mako.")
    written = project.write_revision(where, found, message, loaded, autogenerate)
    if written is None:
        say(f"No migration is needed: the database is as {found.definitions} defines.")
    else:
        say(str(written))


def merge(
    message: Annotated[
        str, typer.Option("--message", "-m", help="What the migration joins; part of its file name.")
    ] = "merge",
    migrations: MigrationsOption = None,
    url: UrlOption = None,  # noqa: ARG001 - every command takes it
) -> None:
    """Join branches of migrations by one more migration that follows them all. It changes nothing itself."""
    found = settings.find_project(Path(), migrations)
    if not found.exists:
        raise ChangeRefused(f"There are no migrations in {found.folder}: fsdb revision writes the first.")
    written = project.merge(found, message)
    if written is None:
        head = project.head_revision(found)
        say(f"Nothing to put together: {head or 'none'} alone is the newest migration in {found.folder}.")
    else:
        say(str(written))
