"""What the doctor says of the server and of who asks."""

from psycopg.sql import SQL, Identifier

from fsdb.doctor import diagnose
from tests.conftest import TestDatabase


def test_a_user_who_bears_the_catalog_s_name(database: TestDatabase) -> None:
    """PostgreSQL makes tables in the schema of the user's name first."""
    with database.connect() as connection:
        had = connection.execute("SELECT FROM pg_roles WHERE rolname = 'fsdb'").fetchone()
        assert had is None
        for role, schema in (("fsdb", "fsdb"), ("fsdb_models", "fsdb_models"), ("somebody", "public")):
            with connection.transaction(force_rollback=True):
                connection.execute(SQL("CREATE ROLE {} SUPERUSER").format(Identifier(role)))
                connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
                (found,) = (check for check in diagnose(connection).checks if check.name == "new tables")
                assert found.found == f"go into schema {schema}"
                assert (found.state, role in found.advice) == (
                    ("good", False) if schema == "public" else ("wrong", True)
                )
                connection.execute("CREATE TABLE mine (a integer)")
                made = connection.execute(
                    "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'mine'"
                )
                assert made.fetchone() == (schema,)
