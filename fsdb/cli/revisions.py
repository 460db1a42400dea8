"""fsdb revision: a migration for the user's own repository."""

from pathlib import Path
from typing import Annotated

import typer

from fsdb.cli.catalog import MigrationsOption
from fsdb.cli.output import note, say
from fsdb.cli.session import UrlOption, reached
from fsdb.migrate import project
from fsdb.migrate.modules import load_definitions


def revision(
    message: Annotated[str, typer.Option("--message", "-m", help="What the migration does; part of its file name.")],
    autogenerate: Annotated[
        bool, typer.Option("--autogenerate", help="Write what leads from the database to the definitions.")
    ] = False,
    definitions: Annotated[
        str | None,
        typer.Option(
            help="Python file or module with the definitions; else [tool.fsdb] of pyproject.toml, else features.py.",
            show_default=False,
        ),
    ] = None,
    migrations: MigrationsOption = None,
    url: UrlOption = None,
) -> None:
    """Write an Alembic migration into the project's folder; creates the folder the first time."""
    found = project.find_project(Path(), migrations, definitions)
    loaded = load_definitions(found.definitions) if autogenerate else []
    where = reached(url).url
    if project.scaffold(found):
        note(f"Created {found.folder} with env.py and script.py.mako.")
    written = project.write_revision(where, found, message, loaded, autogenerate)
    if written is None:
        say(f"No migration is needed: the database is as {found.definitions} defines.")
    else:
        say(str(written))
