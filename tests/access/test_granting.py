"""Roles without a right to make roles: the same rights for users themselves, for some objects, kept by what is made anew, and taken away again."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.access.giving import give, holders, missing, objects
from fsdb.cli import main
from fsdb.doctor import diagnose
from tests.conftest import TestDatabase

SETS = [
    fsdb.FeatureSet(name, keys={"id": sa.BigInteger}, features=[fsdb.Feature("v", sa.BigInteger)])
    for name in ("one", "two")
]


@pytest.fixture
def owner(server_url: str) -> Iterator[str]:
    """The URL of a fresh database as its owner, who may make no roles and is in none; roles of its names are not there."""
    user, database = f"owner_{uuid4().hex[:8]}", f"fsdb_test_{uuid4().hex[:12]}"
    names = {"user": sql.Identifier(user), "database": sql.Identifier(database)}
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {user} LOGIN").format(**names))
        admin.execute(sql.SQL("CREATE DATABASE {database} OWNER {user}").format(**names))
        url = make_conninfo(server_url, user=user, dbname=database)
        with fsdb.connect(url) as store:
            store.name_roles(f"{user}_")
            store.apply(SETS)
        yield url
        admin.execute(sql.SQL("DROP DATABASE {database} WITH (FORCE)").format(**names))
        admin.execute(sql.SQL("DROP ROLE {user}").format(**names))


@contextmanager
def user(server_url: str) -> Iterator[str]:
    name = f"ann_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def can(url: str, user: str, statement: str) -> bool:
    with psycopg.connect(make_conninfo(url, user=user), autocommit=True) as connection:
        try:
            connection.execute(statement)  # type: ignore[call-overload]
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


def test_who_may_make_no_roles_grants_to_users(owner: str, server_url: str) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store:
        assert any(statement.startswith("CREATE ROLE") for statement in store.missing_roles())
        store.grant("reader", ann)
        store.apply([fsdb.FeatureSet("later", {"id": "bigint"}, [fsdb.Feature("v", "bigint")])])
        store.apply(
            [fsdb.FeatureSet("later", {"id": "bigint"}, [fsdb.Feature("v", "bigint"), fsdb.Feature("w", "text")])]
        )
        store.ingest("later", pd.DataFrame({"id": [1], "v": [2], "w": ["x"]}))
        with fsdb.connect(make_conninfo(owner, user=ann)) as reader:
            assert reader.feature_vector(["later.w"], {"id": 1})["w"] == "x"
            assert reader.training_set(features="later.v", values="current", known="now").num_rows == 1
        assert can(owner, ann, "SELECT * FROM later_history")
        assert not can(owner, ann, "DELETE FROM later")
        with store.transaction() as connection:
            assert list(missing(objects(connection), holders(connection))) == []
        store.revoke("reader", ann)
        assert not can(owner, ann, "SELECT * FROM later_history")
        assert not can(owner, ann, "SELECT * FROM fsdb.features")  # nothing is left: the role can be dropped


def test_a_writer_of_one_set_writes_no_other(owner: str, server_url: str) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store:
        store.grant("writer", [ann], on="one")
        assert can(owner, ann, "INSERT INTO one (id, v) VALUES (1, 1)")
        assert not can(owner, ann, "SELECT * FROM two")
        with fsdb.connect(make_conninfo(owner, user=ann)) as writer:
            assert writer.ingest("one", pd.DataFrame({"id": [2], "v": [2]})).inserted == 1
            with pytest.raises(fsdb.RightMissing, match="two"):
                writer.ingest("two", pd.DataFrame({"id": [2], "v": [2]}))
        store.grant("writer", [ann], on="two")
        store.revoke("writer", ann, on="one")
        assert can(owner, ann, "SELECT * FROM two")
        assert not can(owner, ann, "SELECT * FROM one")
        assert [(row["role"], row["user"], row["on"]) for row in store.roles() if row["user"]] == [
            ("writer", ann, "two")
        ]
        store.revoke("writer", ann)


def test_another_user_of_the_same_name_has_no_part(owner: str, server_url: str) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store, psycopg.connect(server_url, autocommit=True) as admin:
        store.grant("reader", ann)
        database = psycopg.conninfo.conninfo_to_dict(owner)["dbname"]
        with psycopg.connect(make_conninfo(server_url, dbname=database), autocommit=True) as inside:
            inside.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(ann)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ann)))
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ann)))
        store.apply([fsdb.FeatureSet("later", {"id": "bigint"}, [fsdb.Feature("v", "bigint")])])
        assert not can(owner, ann, "SELECT * FROM later_history")
        assert "gone" in str(store.roles())


def test_what_was_granted_by_hand_stays(owner: str, server_url: str) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store:
        with store.transaction() as connection:
            connection.execute(sql.SQL("GRANT SELECT, INSERT ON one TO {}").format(sql.Identifier(ann)))
        assert can(owner, ann, "INSERT INTO one (id, v) VALUES (1, 1)")  # rights on the live table alone
        store.grant("reader", ann)
        store.apply(
            [fsdb.FeatureSet("one", {"id": "bigint"}, [fsdb.Feature("v", "bigint"), fsdb.Feature("w", "bigint")])]
        )
        assert can(owner, ann, "INSERT INTO one (id, v) VALUES (2, 1)")
        store.revoke("reader", ann)
        assert can(owner, ann, "INSERT INTO one (id, v) VALUES (3, 1)")
        with store.transaction() as connection:
            connection.execute(sql.SQL("REVOKE ALL ON one FROM {}").format(sql.Identifier(ann)))


def test_what_cannot_be_granted_is_a_sentence(owner: str, server_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store:
        for arguments in (
            ("king", ann),
            ("reader", f"{ann}x"),
            ("reader", "a\0b"),
            ("reader", []),
            ("writer", ann, "three"),
            ("reader", ann, "one"),
        ):
            with pytest.raises((fsdb.UnknownName, fsdb.InvalidDefinition, fsdb.InvalidArgument)):
                store.grant(*arguments)
        with pytest.raises(fsdb.RightMissing, match="let an administrator of the server run GRANT"):
            store.grant("admin", ann)
        with pytest.raises(fsdb.ChangeRefused, match="does not have the role"):
            store.revoke("reader", ann)
        for prefix in ("pg_", "x" * 60, "a\0"):
            with pytest.raises((fsdb.InvalidDefinition, fsdb.InvalidArgument)):
                store.name_roles(prefix)
        for command in (
            ["grant", "reader", "TO", ann],
            ["roles", "--json"],
            ["roles", "--sql"],
            ["revoke", "reader", "from", ann],
        ):
            assert main([*command, "--url", owner]) == 0
        assert "CREATE ROLE" in capsys.readouterr().out


def test_nobody_becomes_a_superuser(module_database: TestDatabase) -> None:
    with fsdb.connect(module_database.url) as store, pytest.raises(fsdb.ChangeRefused, match="a superuser"):
        store.grant("admin", "pg_monitor")


def test_the_doctor_tells_what_a_role_lacks_and_has_beyond(owner: str, server_url: str) -> None:
    with user(server_url) as ann, fsdb.connect(owner) as store, store.transaction() as connection:
        store.grant("reader", ann)
        assert found(connection) == ("good", "as they should be")
        connection.execute(sql.SQL("REVOKE SELECT ON fsdb_history.one FROM {}").format(sql.Identifier(ann)))
        assert found(connection) == ("wrong", f"{ann} lacks SELECT on table fsdb_history.one")
        give(connection)
        connection.execute(
            "UPDATE fsdb.roles SET rolname = %s WHERE role = 'reader'", [ann]
        )  # as if it were the cluster's
        connection.execute(sql.SQL("GRANT DELETE ON one TO {}").format(sql.Identifier(ann)))
        assert found(connection) == ("advice", f"{ann} has DELETE on table public.one")
        connection.execute(sql.SQL("REVOKE DELETE ON one FROM {}").format(sql.Identifier(ann)))
        connection.execute("UPDATE fsdb.roles SET rolname = rolname || '_' WHERE role = 'reader'")
        store.revoke("reader", ann)


def found(connection: psycopg.Connection) -> tuple[str, str]:
    (check,) = [check for check in diagnose(connection).checks if check.name == "rights: roles"]
    return check.state, check.found
