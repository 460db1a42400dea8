"""Runs this project's migrations of feature sets and training views.

`fsdb revision`, `fsdb upgrade` and `fsdb downgrade` hand over the connection, which is inside a transaction, and the definitions.
"""

import sqlalchemy as sa
from alembic import context

from fsdb.migrate import operations

operations.register()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=sa.MetaData(),
    fsdb_definitions=context.config.attributes["definitions"],
    autogenerate_plugins=[operations.PLUGIN],
    version_table="project_version",
    version_table_schema="fsdb",
)
with context.begin_transaction():
    context.run_migrations()
