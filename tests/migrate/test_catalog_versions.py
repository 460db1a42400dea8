"""The catalog's own migrations: from nothing to head and back, and every way in which that is refused."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fsdb.errors import CatalogMissing, ChangeRefused, ConnectionFailed
from fsdb.migrate import catalog, revisions
from tests.conftest import TestDatabase
from tests.migrate.snapshot import difference, schema


@pytest.fixture
def empty(server_url: str) -> Iterator[TestDatabase]:
    """A database without catalog."""
    name = f"fsdb_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield TestDatabase(make_conninfo(server_url, dbname=name), name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_up_down_up(empty: TestDatabase) -> None:
    with empty.connect() as connection:
        nothing = schema(connection)
        assert catalog.catalog_revision(empty.url) is None
        catalog.upgrade(empty.url)
        assert catalog.catalog_revision(empty.url) == revisions.head_revision()
        made = schema(connection)
        catalog.upgrade(empty.url)
        assert difference(made, schema(connection)) == {}
        catalog.downgrade(empty.url, "base")
        assert difference(nothing, schema(connection)) == {}
        assert catalog.catalog_revision(empty.url) is None
        catalog.upgrade(empty.url)
        assert difference(made, schema(connection)) == {}


def test_the_revisions_are_those_of_alembic_in_its_order() -> None:
    scripts = list(catalog._scripts().walk_revisions())
    assert {one.revision: Path(one.path).stem for one in reversed(scripts)} == revisions.migrations()
    assert [one.revision for one in reversed(scripts)] == list(revisions.migrations())


def test_every_table_view_and_column_has_a_comment(database: TestDatabase) -> None:
    with database.connect() as connection:
        bare = connection.execute(
            "SELECT c.oid::regclass::text, a.attname FROM pg_class AS c "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped "
            "WHERE c.relnamespace IN ('fsdb'::regnamespace, 'fsdb_iceberg'::regnamespace) AND c.relkind IN ('r', 'v', 'm', 'p') "
            "AND (obj_description(c.oid, 'pg_class') IS NULL OR coalesce(col_description(c.oid, a.attnum), '') NOT LIKE '%.')"
        ).fetchall()
    assert bare == []


def test_it_stays_while_something_is_registered(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO fsdb.feature_sets (name, schema_name, live_schema, live_table, history_table, tracked) "
            "VALUES ('weather', 'public', 'public', 'weather', 'weather', false)"
        )
        before = schema(connection)
        for revision in ("base", "-7"):
            with pytest.raises(ChangeRefused, match=r"while things are registered in it: feature set weather\. Drop"):
                catalog.downgrade(database.url, revision)
        assert difference(before, schema(connection)) == {}
        assert connection.execute("SELECT count(*) FROM fsdb.feature_sets").fetchone() == (1,)


def test_expressions_keep_the_catalog_that_has_them(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO fsdb.expressions (name, expression, type, tree) VALUES ('share', 'x', 'real', '{}')"
        )
        for revision in ("0006", "base"):
            with pytest.raises(
                ChangeRefused, match=r"Expressions belong to this revision.*drop expression share first"
            ):
                catalog.downgrade(database.url, revision)
        connection.execute("DELETE FROM fsdb.expressions")
        catalog.downgrade(database.url, "0006")
        assert catalog.catalog_revision(database.url) == "0006"


def test_a_deployment_keeps_the_catalog_that_it_was_made_with(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO fsdb.models (name) VALUES ('late');"
            "INSERT INTO fsdb.model_versions (model, version, estimator, framework, framework_version, prediction_type, checksum, rows_checked,"
            " largest_difference) VALUES ('late', 1, 'x', 'x', '1', 'boolean', 'x', 1, 0);"
            "INSERT INTO fsdb.deployments (name, model, version, runtime, release, schema_name, table_name)"
            " VALUES ('late_flights', 'late', 1, 'sql', 1, 'public', 'late_flights')"
        )
        before = schema(connection)
        with pytest.raises(ChangeRefused, match=r"deployed as late_flights.*undeploy them first"):
            catalog.downgrade(database.url, "0002")
        assert difference(before, schema(connection)) == {}
        connection.execute("DELETE FROM fsdb.deployments")
        catalog.downgrade(database.url, "0002")
        assert catalog.catalog_revision(database.url) == "0002"


def test_a_database_without_catalog(empty: TestDatabase) -> None:
    with pytest.raises(CatalogMissing, match="nothing to downgrade"):
        catalog.downgrade(empty.url, "base")
    with pytest.raises(CatalogMissing, match="create it with fsdb init"):
        revisions.check_revision(catalog.catalog_revision(empty.url))


def test_an_unknown_revision_is_refused(empty: TestDatabase) -> None:
    with pytest.raises(ChangeRefused, match=r"no revision '9999': its newest is \d{4}\."):
        catalog.upgrade(empty.url, "9999")
    assert catalog.catalog_revision(empty.url) is None
    catalog.upgrade(empty.url)
    with pytest.raises(ChangeRefused, match="no revision 'nonsense'"):
        catalog.downgrade(empty.url, "nonsense")
    with pytest.raises(ChangeRefused, match="no revision '-8'"):
        catalog.downgrade(empty.url, "-8")


def test_a_newer_catalog_is_left_alone(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE fsdb.catalog_version SET version_num = '9999'")
    for attempt in (
        lambda: catalog.upgrade(database.url),
        lambda: catalog.downgrade(database.url, "base"),
        lambda: revisions.check_revision("9999"),
    ):
        with pytest.raises(
            CatalogMissing, match=r"at revision 9999, which this fsdb does not know .* Install that version"
        ):
            attempt()


def test_without_the_right_to_create_schemas(empty: TestDatabase) -> None:
    role = f"reader_{uuid4().hex[:8]}"
    with empty.connect() as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(sql.Identifier(role)))
    try:
        with pytest.raises(ConnectionFailed, match=f"user {role} may not create schemas .* GRANT CREATE ON DATABASE"):
            catalog.upgrade(make_conninfo(empty.url, user=role, password="secret"))
        assert catalog.catalog_revision(empty.url) is None
    finally:
        with empty.connect() as admin:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_no_server_answers() -> None:
    with pytest.raises(ConnectionFailed, match="No PostgreSQL answers"):
        catalog.upgrade("postgresql://localhost:1/nothing")
