"""fsdb init, upgrade, downgrade: the catalog, and the migrations of the project in this folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fsdb.cli.output import YesOption, confirmed, counted, note, say
from fsdb.cli.session import UrlOption, opened, own_transaction, reached
from fsdb.migrate import catalog, project, revisions, settings, starter
from fsdb.migrate.repair import left, repair

MigrationsOption = Annotated[
    str | None,
    typer.Option(
        help="Folder of the project's migrations. Without it, \\[tool.fsdb] of pyproject.toml, or else migrations.",
        show_default=False,
    ),
]


def _named(revision: str) -> str:
    if not revision.strip():
        raise typer.BadParameter("give a revision, such as head, -1 or base")
    return revision


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="PROJECT",
            help="Write a starter project into this folder instead: definitions, a migration, a test.",
            show_default=False,
        ),
    ] = None,
    url: UrlOption = None,
) -> None:
    """Create the fsdb catalog in the database, or bring it to this version of fsdb. Creates the database embedded:///NAME if it is not there."""
    if folder is not None:
        for written in starter.write(folder):
            say(str(written))
        note(f"Next: cd {folder}, then fsdb upgrade, which makes the database as defined, and python -m pytest.")
        return
    database = reached(url, create=True)
    before = catalog.catalog_revision(database.url)
    catalog.upgrade(database.url)
    after = catalog.catalog_revision(database.url)
    did = "created" if before is None else "there already" if before == after else "upgraded"
    say(f"Catalog {did} in database {database.name}, at revision {after}.")


def upgrade(
    revision: Annotated[
        str,
        typer.Argument(
            help="Which of the project's migrations to go up to; heads: all of several branches.", callback=_named
        ),
    ] = "head",
    url: UrlOption = None,
    migrations: MigrationsOption = None,
) -> None:
    """Bring the catalog and all generated objects to this version of fsdb, then run the project's migrations in this folder."""
    where = reached(url).url
    before = catalog.catalog_revision(where)
    catalog.upgrade(where)
    say(_moved("Catalog", before, catalog.catalog_revision(where)))
    with opened(where) as store, own_transaction(store) as connection:
        revisions.check_newest(connection)  # an older fsdb would put its own objects in the place of newer ones
        for repaired in repair(connection):
            say(f"Installed the objects of {repaired} again.")
        for sentence in left(connection):
            note(sentence)
    found = settings.find_project(Path(), migrations)
    if not found.exists:
        say(f"Project: no migrations in {found.folder}.")
        return
    before = project.project_revision(where)
    say(_moved(f"Project migrations in {found.folder}", before, project.upgrade(where, found, revision)))


def downgrade(
    revision: Annotated[
        str,
        typer.Argument(help="Where to go back to: a revision, -1 for the one before, or base.", callback=_named),
    ],
    of_catalog: Annotated[
        bool,
        typer.Option("--catalog", help="Go back in the catalog's own versions, even if the project has migrations."),
    ] = False,
    yes: YesOption = False,
    url: UrlOption = None,
    migrations: MigrationsOption = None,
) -> None:
    """Undo the project's migrations in this folder. Without such, or with --catalog, undo those of the catalog. Asks before it drops anything."""
    where = reached(url, make=False).url
    found = settings.find_project(Path(), migrations)
    if found.exists and not of_catalog:
        destructive = () if yes else [c for c in project.downgrade_changes(where, found, revision) if c.destructive]
        if destructive:
            for change in destructive:
                note(change.sentence)
            confirmed(f"Make {counted(len(destructive), 'destructive change')}?", yes)
        before = project.project_revision(where)
        say(_moved(f"Project migrations in {found.folder}", before, project.downgrade(where, found, revision)))
        return
    before = catalog.catalog_revision(where)
    catalog.downgrade(where, revision, lambda leaving: _agreed(leaving, yes))
    say(_moved("Catalog", before, catalog.catalog_revision(where)))


def _agreed(leaving: Sequence[str], yes: bool) -> None:
    """Asks before the catalog loses revisions. Raises ChangeRefused where nobody agrees."""
    if not yes:
        note(f"The catalog's tables of revision {', '.join(reversed(leaving))} are dropped, with what they hold.")
    confirmed(f"Undo {counted(len(leaving), 'revision')} of the catalog?", yes)


def _moved(what: str, before: str | None, after: str | None) -> str:
    if before == after:
        return f"{what}: at {after or 'base'}, nothing to do."
    return f"{what}: from {before or 'nothing'} to {after or 'nothing'}."
