"""The fsdb catalog's own versions: creating, upgrading and removing it with Alembic."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from psycopg import errors

from fsdb.access import audit, foreign_code, giving, roles
from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import CatalogMissing, ChangeRefused, ConnectionFailed
from fsdb.migrate.connecting import opened
from fsdb.migrate.engine import PROJECT_VERSION_TABLE, driver, locked
from fsdb.migrate.revisions import check_known, check_made, head_revision, is_older, read_revision
from fsdb.sql import data_folder, query

logger = logging.getLogger(__name__)

VERSION_TABLE = "catalog_version"
WITH_COPIES = "0002"  # the revision that brought columnar copies and retention
WITH_SCHEDULES = "0006"  # the revision that brought schedules
WITH_EXPRESSIONS = "0007"  # the revision that brought expressions
WITH_RUNTIMES = "0003"  # the revision that brought runtimes, canaries and attached tables


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the catalog to `revision`, creating it where there is none.

    Raises ConnectionFailed without the rights, CatalogMissing where a newer fsdb or another build made the catalog, ChangeRefused for an
    unknown revision.
    """
    if revision == "head" and _is_current(url):
        return  # nobody is waited for
    with locked(url) as connection:
        current = current_revision(connection)
        check_made(driver(connection), current)
        if revision == "head" and not is_older(current):
            return
        check_known(current)
        try:
            connection.execute(sa.schema.CreateSchema(CATALOG_SCHEMA, if_not_exists=True))
            with foreign_code.as_owner(driver(connection)), _known_revision(revision):
                command.upgrade(_config(connection), revision)
            _record(connection, "upgrade", current)
            if driver(connection).execute(query("migrate/catalog", "has_roles")).fetchone() == (True,):
                roles.make(driver(connection))
                giving.give(driver(connection))
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, errors.InsufficientPrivilege):
                raise
            user, database = driver(connection).info.user, driver(connection).info.dbname
            raise ConnectionFailed(
                f"The database user {user} may not create schemas in database {database}: "
                f'run GRANT CREATE ON DATABASE "{database}" TO "{user}" WITH GRANT OPTION as its owner, or let the owner run fsdb init.'
            ) from error


def downgrade(url: str, revision: str, confirm: Callable[[Sequence[str]], object] | None = None) -> None:
    """Takes the catalog back to `revision`; "base" removes it.

    confirm: called with the revisions that are undone, whose tables go with what they hold, before anything is; what it raises ends this.
    Raises CatalogMissing where there is none or another build made it, ChangeRefused for an unknown revision and while feature sets, training
    sets or models are registered that the catalog of that revision could not hold, or versions are in a columnar copy alone.
    """
    with locked(url) as connection:
        current = current_revision(connection)
        if current is None:
            raise CatalogMissing("This database has no fsdb catalog: nothing to downgrade.")
        check_known(current)
        check_made(driver(connection), current)
        scripts = _scripts()
        with _known_revision(revision):
            leaving = [
                script.revision for script in scripts.iterate_revisions(current, revision, select_for_downgrade=True)
            ]
        if WITH_COPIES in leaving:
            _refuse_while_versions_have_left(connection)
        if WITH_RUNTIMES in leaving and scripts.get_base() not in leaving:
            _refuse_while_deployed(connection)
        if WITH_SCHEDULES in leaving and scripts.get_base() not in leaving:
            _refuse_while_scheduled(connection)
        if WITH_EXPRESSIONS in leaving:
            _refuse_while_expressed(connection)
        if scripts.get_base() in leaving:
            _refuse_while_registered(connection)
        if leaving and confirm is not None:
            confirm(leaving)
        if scripts.get_base() not in leaving:
            command.downgrade(_config(connection), revision)
            _record(connection, "downgrade", current)
            return
        command.downgrade(_config(connection), revision)
        for table in (VERSION_TABLE, PROJECT_VERSION_TABLE):
            connection.execute(
                sa.schema.DropTable(sa.Table(table, sa.MetaData(), schema=CATALOG_SCHEMA), if_exists=True)
            )
        connection.execute(sa.schema.DropSchema(CATALOG_SCHEMA))


def catalog_revision(url: str) -> str | None:
    """The catalog's revision in the database, None where there is no catalog."""
    with opened(url) as connection:
        return read_revision(connection)


def current_revision(connection: sa.Connection) -> str | None:
    """As `read_revision`, as seen by an SQLAlchemy connection."""
    return read_revision(driver(connection))


def _record(connection: sa.Connection, operation: str, before: str | None) -> None:
    """Notes a migration of the catalog in fsdb.audit, where the revision that it led to has that."""
    own = driver(connection)
    logger.info("The catalog's %s, from revision %s to %s.", operation, before, current_revision(connection))
    if audit.is_kept(own):
        audit.record(own, operation, "catalog", {"from": before, "to": current_revision(connection)})


def _refuse_while_registered(connection: sa.Connection) -> None:
    found = driver(connection).execute(query("migrate/catalog", "registered"))
    registered = [f"{kind} {name}" for kind, name in found]
    if registered:
        raise ChangeRefused(
            f"The catalog is not removed while things are registered in it: {', '.join(registered[:10])}"
            f"{', …' if len(registered) > 10 else ''}. Drop them first."
        )


def _refuse_while_versions_have_left(connection: sa.Connection) -> None:
    left = [name for (name,) in driver(connection).execute(query("migrate/catalog", "versions_have_left"))]
    if left:
        raise ChangeRefused(
            f"Versions of {', '.join(left)} have left PostgreSQL, and the columnar copy that holds them belongs to this revision: stay at it, or drop these feature sets first."
        )


def _refuse_while_deployed(connection: sa.Connection) -> None:
    deployed = [name for (name,) in driver(connection).execute(query("migrate/catalog", "deployed"))]
    if deployed:
        raise ChangeRefused(
            f"Models are deployed as {', '.join(deployed[:10])}{', …' if len(deployed) > 10 else ''}, whose tables and functions belong to this revision: stay at it, or undeploy them first."
        )


def _refuse_while_scheduled(connection: sa.Connection) -> None:
    scheduled = [name for (name,) in driver(connection).execute(query("migrate/catalog", "scheduled"))]
    if scheduled:
        raise ChangeRefused(
            f"Schedules belong to this revision: stay at it, or drop {', '.join(scheduled[:10])}{', …' if len(scheduled) > 10 else ''} first."
        )


def _refuse_while_expressed(connection: sa.Connection) -> None:
    found = [f"{kind} {name}" for kind, name in driver(connection).execute(query("migrate/catalog", "expressed"))]
    if found:
        raise ChangeRefused(
            f"Expressions belong to this revision: stay at it, or drop {', '.join(found[:10])}{', …' if len(found) > 10 else ''} first."
        )


def _is_current(url: str) -> bool:
    with opened(url) as connection:
        current = read_revision(connection)
        check_made(connection, current)
        return not is_older(current)


@cache
def _scripts() -> ScriptDirectory:
    """The migrations that this fsdb brings along, read once a process."""
    return ScriptDirectory.from_config(_config())


@contextmanager
def _known_revision(revision: str) -> Iterator[None]:
    try:
        yield
    except (CommandError, RevisionError) as error:
        raise ChangeRefused(f"The catalog has no revision {revision!r}: its newest is {head_revision()}.") from error


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(data_folder("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
