"""The users' own migrations: an Alembic folder in their repository that fsdb scaffolds, writes to and runs."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import ChangeRefused
from fsdb.listing import listed
from fsdb.migrate import revisions
from fsdb.migrate.changes import Change
from fsdb.migrate.diff import Definition, diff
from fsdb.migrate.engine import PROJECT_VERSION_TABLE, connected, driver, locked
from fsdb.migrate.reading import read
from fsdb.migrate.settings import Project
from fsdb.migrate.sources import without_bytecode
from fsdb.ownership import check_code
from fsdb.search_path import as_user, of_user
from fsdb.sql import query

TEMPLATE = Path(__file__).parent / "template"
FILE_NAMES = "%(year)d_%(month).2d_%(day).2d_%(rev)s_%(slug)s"


def scaffold(project: Project) -> bool:
    """Creates the migrations folder where there is none, and tells whether it did. Raises ChangeRefused for a folder of another tool."""
    if project.exists:
        return False
    if project.folder.exists():
        raise ChangeRefused(
            f"{project.folder} exists and its env.py does not run fsdb's operations: name another folder with --migrations, "
            "or add them to that env.py as docs/migrations.md shows."
        )
    (project.folder / "versions").mkdir(parents=True)
    environment = (TEMPLATE / "env.py.mako").read_text(encoding="utf-8")
    (project.folder / "env.py").write_text(environment, encoding="utf-8")
    script = (TEMPLATE / "script.py.mako").read_text(encoding="utf-8")
    (project.folder / "script.py.mako").write_text(script, encoding="utf-8")
    return True


def write_revision(
    url: str, project: Project, message: str, definitions: Sequence[Definition], autogenerate: bool = True
) -> Path | None:
    """Writes the migration that leads from the database to the definitions and returns its file; None where nothing differs.

    Sets and views that the definitions no longer name are dropped by it. Without `autogenerate` the file is empty.
    Raises ChangeRefused where the project's migrations have not all been run, or a change is not made in place.
    """
    with connected(url) as connection, _running(project), _of_user(connection):
        revisions.check(driver(connection))
        config = _config(project, connection, definitions)

        def keep(_context: Any, _revision: Any, scripts: list[Any]) -> None:
            if autogenerate and scripts[0].upgrade_ops.is_empty():
                scripts.clear()

        written = command.revision(config, message, autogenerate=autogenerate, process_revision_directives=keep)
    script = written[0] if isinstance(written, list) and written else written
    return project.folder / "versions" / Path(script.path).name if script else None  # type: ignore[union-attr]


def upgrade(url: str, project: Project, revision: str = "head") -> str | None:
    """Runs the project's migrations up to `revision` ("heads" are all of several) in one transaction and returns where it is then."""
    with locked(url) as connection, _running(project):
        revisions.check(driver(connection))
        _run(_config(project, connection), revision, up=True)
        return current_revision(connection)


def downgrade(url: str, project: Project, revision: str) -> str | None:
    """Undoes the project's migrations down to `revision` ("-1" is the last one) and returns where it is then."""
    with locked(url) as connection, _running(project):
        revisions.check(driver(connection))
        _run(_config(project, connection), revision, up=False)
        return current_revision(connection)


def downgrade_changes(url: str, project: Project, revision: str) -> tuple[Change, ...]:
    """What `downgrade` would change in feature sets and training views: it is done, and taken back."""
    with locked(url) as connection, _running(project):
        revisions.check(driver(connection))
        before = read(driver(connection))
        _run(_config(project, connection), revision, up=False)
        after = read(driver(connection))
        connection.rollback()
    return diff(
        before,
        [
            *after.sets.values(),
            *after.windows.values(),
            *after.expressions.values(),
            *after.views.values(),
            *after.schedules.values(),
        ],
        prune=True,
    ).changes


def merge(project: Project, message: str) -> Path | None:
    """Writes a migration that follows all of several heads, as branches leave them, and changes nothing; None where there is one head."""
    with _running(project):
        if len(ScriptDirectory.from_config(_config(project)).get_heads()) < 2:
            return None
        script = command.merge(_config(project), "heads", message)
    return project.folder / "versions" / Path(script.path).name if script else None


def project_revision(url: str) -> str | None:
    """The revision of the users' own migrations in the database, all of them where there are several; None where none was run."""
    with connected(url) as connection:
        return current_revision(connection)


def head_revision(project: Project) -> str | None:
    """The newest of the project's migrations, all of them where branches left several; None where there is none."""
    with _running(project):
        return _listed(ScriptDirectory.from_config(_config(project)).get_heads())


def current_revision(connection: sa.Connection) -> str | None:
    """The revision of the users' own migrations as seen by an SQLAlchemy connection."""
    options = {"version_table": PROJECT_VERSION_TABLE, "version_table_schema": CATALOG_SCHEMA}
    return _listed(MigrationContext.configure(connection, opts=options).get_current_heads())


def _listed(revisions: Sequence[str]) -> str | None:
    return ", ".join(sorted(revisions)) or None


def _config(
    project: Project, connection: sa.Connection | None = None, definitions: Sequence[Definition] = ()
) -> Config:
    config = Config(cmd_opts=Namespace(quiet=True))  # the command line says itself what it wrote
    config.set_main_option("script_location", str(project.folder).replace("%", "%%"))
    config.set_main_option("file_template", FILE_NAMES.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["definitions"] = list(definitions)
    return config


def _run(config: Config, revision: str, up: bool) -> None:
    """As Alembic's upgrade and downgrade. What the scripts do is their user's; Alembic's own statements run under fsdb's search path."""
    scripts = ScriptDirectory.from_config(config)

    def steps(current: Any, context: MigrationContext) -> list[Any]:
        connection = None if context.connection is None else driver(context.connection)
        found = scripts._upgrade_revs(revision, current) if up else scripts._downgrade_revs(revision, current)
        for step in found:
            step.migration_fn = step.migration_fn if connection is None else as_user(connection, step.migration_fn)
        return found

    with EnvironmentContext(config, scripts, fn=steps, destination_rev=revision):
        scripts.run_env()


@contextmanager
def _of_user(connection: sa.Connection) -> Iterator[None]:
    """Alembic compares tables of the user's, whose schemas it leaves out where the session's search path has them."""
    psycopg_connection = driver(connection)
    with of_user(psycopg_connection):
        row = psycopg_connection.execute(query("migrate/catalog", "current_schema")).fetchone()
        if row is not None and row[0] is not None:
            connection.dialect.default_schema_name = row[0]
        yield


@contextmanager
def _running(project: Project) -> Iterator[None]:
    """Runs the project's scripts as they stand now, and gives Alembic's own errors as one sentence. Raises InvalidDefinition for such as anybody may write."""
    for script in (project.folder / "env.py", project.folder / "script.py.mako", *_versions(project)):
        check_code(script)
    try:
        with without_bytecode():
            yield
    except (CommandError, RevisionError) as error:
        reason = str(error).rstrip(".").partition("; please")[0]
        advice = " Run fsdb upgrade first." if "not up to date" in reason else ""
        heads = _heads(project)
        if "ultiple head" in reason and len(heads) > 1:
            reason = f"{listed(heads)} are all the newest, as where two branches each added one"
            advice = (
                " Write one that follows all of them with fsdb merge, or run them as they are with fsdb upgrade heads."
            )
        elif len(heads) > 1 and "not up to date" in reason:
            advice = " Run fsdb upgrade heads first, then fsdb merge: several are the newest, as where two branches each added one."
        raise ChangeRefused(f"The migrations in {project.folder} cannot be run: {reason}.{advice}") from error


def _versions(project: Project) -> list[Path]:
    """The migrations; where there is none yet, the place of the first."""
    folder = project.folder / "versions"
    return sorted(folder.glob("*.py")) or [folder / "first.py"]


def _heads(project: Project) -> list[str]:
    """The newest migrations; none where the folder cannot be read as such."""
    with suppress(CommandError, RevisionError, KeyError):
        return sorted(ScriptDirectory.from_config(_config(project)).get_heads())
    return []
