"""Alembic's entry for the fsdb catalog: runs on the connection that fsdb hands over, in the caller's transaction."""

from alembic import context

from fsdb.config import CATALOG_SCHEMA
from fsdb.migrate.builds import record

context.configure(
    connection=context.config.attributes["connection"],
    version_table="catalog_version",
    version_table_schema=CATALOG_SCHEMA,
    transactional_ddl=True,
    on_version_apply=record,
)
with context.begin_transaction():
    context.run_migrations()
