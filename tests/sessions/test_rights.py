"""A reader who lacks one right gets the owner's answer, or an error that names the right and grants it; never NULL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.cli import main
from tests.conftest import TestDatabase
from tests.sessions.world import calls

SCHEMAS = "fsdb, fsdb_history, fsdb_training, fsdb_models, fsdb_iceberg"
# What docs/operations.md gives to a reader, and tables of the application.
SETUP = (
    "GRANT USAGE ON SCHEMA {schemas} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
)
RELATIONS = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text IN ('fsdb', 'fsdb_history', 'fsdb_training', 'fsdb_iceberg', 'public')
ORDER BY 1
"""
SEQUENCES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relacl::text LIKE '%%=r/%%' ORDER BY 1"
FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'fsdb'::regnamespace
AND proname IN ('last_version', 'last_number', 'rejections', 'deployment_costs', 'model_comparison', 'prediction_lineage') ORDER BY 1
"""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def role(built: TestDatabase) -> Iterator[str]:
    """A role with all that a reader needs."""
    name = f"Reader {uuid4().hex[:8]}"
    quoted = sql.Identifier(name)
    with built.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(quoted))
        for text in SETUP:
            connection.execute(sql.SQL(text).format(role=quoted, schemas=sql.SQL(SCHEMAS)))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(quoted))
        connection.execute(sql.SQL("DROP ROLE {}").format(quoted))


@pytest.fixture(scope="module")
def reader(built: TestDatabase, role: str) -> Iterator[fsdb.Store]:
    with fsdb.connect(make_conninfo(built.url, user=role)) as store:
        yield store


def answers(store: fsdb.Store) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, call in calls(store).items():
        try:
            found[name] = call()
        except fsdb.RightMissing as error:
            found[name] = error
    return found


def test_a_reader_is_given_what_the_owner_is_given(built: TestDatabase, reader: fsdb.Store) -> None:
    with fsdb.connect(built.url) as owner:
        assert answers(reader) == answers(owner)


@pytest.mark.slow
def test_whatever_right_is_missing_is_named(built: TestDatabase, reader: fsdb.Store, role: str) -> None:
    whole = answers(reader)
    with built.connect() as owner:

        def listed(text: str) -> list[str]:
            return [row[0] for row in owner.execute(text).fetchall()]

        rights = [(f"SELECT ON TABLE {one}", f'"{role}"') for one in listed(RELATIONS)]
        rights += [(f"SELECT ON SEQUENCE {one}", "PUBLIC") for one in listed(SEQUENCES)]
        rights += [(f"EXECUTE ON FUNCTION {one}", "PUBLIC") for one in listed(FUNCTIONS)]
        rights += [(f"USAGE ON SCHEMA {one}", f'"{role}"') for one in SCHEMAS.split(", ")]
        rights += [(f"TEMPORARY ON DATABASE {built.name}", "PUBLIC")]
        named = set()
        for right, grantee in rights:
            owner.execute(f"REVOKE {right} FROM {grantee}")
            try:
                found = answers(reader)
            finally:
                owner.execute(f"GRANT {right} TO {grantee}")
            for call, answer in found.items():
                if isinstance(answer, fsdb.RightMissing):
                    assert f'GRANT {right} TO "{role}"' in str(answer).replace(" public.", " "), (right, call)
                    named.add(right)
                else:
                    assert answer == whole[call], (right, call)
    assert {"SELECT ON TABLE fsdb_history.account", "USAGE ON SCHEMA fsdb", "SELECT ON TABLE fsdb.features"} <= named
    assert sum(right.startswith("SELECT ON SEQUENCE") for right in named) == 4  # two of history, two of rejections


def test_a_command_and_a_connection_name_it_as_well(
    built: TestDatabase, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_conninfo(built.url, user=role)
    with without(built, "USAGE ON SCHEMA fsdb", role):
        with pytest.raises(fsdb.RightMissing, match=rf'GRANT USAGE ON SCHEMA fsdb TO "{role}"'):
            fsdb.connect(url)
        for command in ("status", "doctor", "sync", "search"):
            assert main([command, "--url", url]) == 1
            assert "lacks USAGE on schema fsdb" in capsys.readouterr().err.replace("\n", " "), command


@contextmanager
def without(database: TestDatabase, right: str, role: str) -> Iterator[None]:
    """The block runs while the role lacks the right."""
    parts = {"right": sql.SQL(right), "role": sql.Identifier(role)}
    with database.connect() as owner:
        owner.execute(sql.SQL("REVOKE {right} FROM {role}").format(**parts))
        yield
        owner.execute(sql.SQL("GRANT {right} TO {role}").format(**parts))


def test_who_lacks_a_right_inside_a_transaction_is_told_it_there(built: TestDatabase, role: str) -> None:
    def as_reader(store: fsdb.Store, call: Callable[[], Any]) -> None:
        with store.transaction() as connection:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            call()

    with without(built, "SELECT ON fsdb_history.account", role), fsdb.connect(built.url) as store:
        with pytest.raises(fsdb.RightMissing, match=r"GRANT SELECT ON TABLE fsdb_history\.account"):
            as_reader(store, lambda: store.as_of("account", datetime.now(tz=UTC)))
        with pytest.raises(fsdb.RightMissing, match="permission denied for table account"):
            as_reader(store, lambda: store.feature_vector(["account.balance"], {"id": 1}))


def test_the_users_own_statements_raise_what_psycopg_raises(built: TestDatabase, role: str) -> None:
    with (
        fsdb.connect(make_conninfo(built.url, user=role)) as store,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        store.transaction() as connection,
    ):
        connection.execute("DELETE FROM labels")


def test_a_right_to_write_is_named_too(built: TestDatabase, role: str) -> None:
    with fsdb.connect(make_conninfo(built.url, user=role)) as store:
        with pytest.raises(fsdb.ConnectionFailed, match=r"account"):
            store.ingest("account", pd.DataFrame({"id": [3], "balance": [30]}))
        with pytest.raises(
            fsdb.RightMissing,
            match=r"lacks INSERT on table fsdb\.(models|model_stages|stage_events)",
        ):
            store.set_stage("plain", 1, "production")
