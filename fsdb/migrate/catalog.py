"""The fsdb catalog's own versions: creating, upgrading and removing it with Alembic."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy.pool import NullPool

from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import CatalogMissing, ConnectionFailed
from fsdb.sql import data_folder

# Held while the catalog changes, so that two processes that start at once do not both create it.
CATALOG_LOCK = 0x66736462


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the catalog to `revision`, creating it where there is none. Raises ConnectionFailed without the rights."""
    engine = _engine(url)
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CATALOG_LOCK)))
        if (
            current_revision(connection) == ScriptDirectory.from_config(_config()).get_current_head()
            and revision == "head"
        ):
            return
        try:
            connection.execute(sa.schema.CreateSchema(CATALOG_SCHEMA, if_not_exists=True))
            command.upgrade(_config(connection), revision)
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, errors.InsufficientPrivilege):
                raise
            raise ConnectionFailed(
                f"The database user {engine.url.username or connection.scalar(sa.select(sa.func.current_user()))} may not create schemas "
                f"in database {engine.url.database}: run GRANT CREATE ON DATABASE … TO … as its owner, or let the owner run fsdb init."
            ) from error


def downgrade(url: str, revision: str) -> None:
    """Takes the catalog back to `revision` ("base" removes it). Raises CatalogMissing where there is none."""
    with _engine(url).begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CATALOG_LOCK)))
        if current_revision(connection) is None:
            raise CatalogMissing("This database has no fsdb catalog: nothing to downgrade.")
        command.downgrade(_config(connection), revision)
        if revision == "base":
            connection.execute(sa.schema.DropTable(sa.Table("catalog_version", sa.MetaData(), schema=CATALOG_SCHEMA)))
            connection.execute(sa.schema.DropSchema(CATALOG_SCHEMA))


def catalog_revision(url: str) -> str | None:
    """The catalog's revision in the database, None where there is no catalog."""
    with _engine(url).begin() as connection:
        return current_revision(connection)


def head_revision() -> str:
    """The revision that this version of fsdb works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(connection: sa.Connection) -> str | None:
    """The catalog's revision as seen by an SQLAlchemy connection."""
    context = MigrationContext.configure(
        connection, opts={"version_table": "catalog_version", "version_table_schema": CATALOG_SCHEMA}
    )
    return context.get_current_revision()


def _engine(url: str) -> sa.Engine:
    return sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg_connection(url), poolclass=NullPool)


def psycopg_connection(url: str) -> object:
    """A plain psycopg connection for SQLAlchemy, which takes libpq URLs of every form."""
    import psycopg

    return psycopg.connect(url, application_name="fsdb")


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(data_folder("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
