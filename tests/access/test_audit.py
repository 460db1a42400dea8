"""fsdb.audit: there if and only if the operation is, true about who, and nobody changes it."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.cli.app import main
from tests.conftest import TestDatabase

ACCOUNT = fsdb.FeatureSet("account", keys={"id": sa.BigInteger}, features=[fsdb.Feature("balance", sa.BigInteger)])


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> fsdb.Store:
    with fsdb.connect(module_database.url, str(tmp_path_factory.mktemp("warehouse"))) as store:
        store.apply([ACCOUNT])
        yield store


@pytest.fixture
def admin(module_database: TestDatabase, store: fsdb.Store) -> psycopg.Connection:
    with module_database.connect() as connection:
        yield connection


@pytest.fixture
def other(admin: psycopg.Connection, module_database: TestDatabase) -> str:
    """A URL of a role that may read the catalog and nothing else."""
    name = f"other_{module_database.name[-6:]}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    admin.execute(sql.SQL("GRANT USAGE ON SCHEMA fsdb TO {}").format(sql.Identifier(name)))
    yield make_conninfo(module_database.url, user=name)
    admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
    admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def operations(store: fsdb.Store, object: str | None = None) -> list[tuple[str, str]]:
    return [(line["operation"], line["object"]) for line in store.audit(object)]


def test_operations_are_recorded_with_who_and_when(store: fsdb.Store, admin: psycopg.Connection) -> None:
    before = datetime.now(UTC)
    store.apply([ACCOUNT, fsdb.FeatureSet("shop", keys={"shop": sa.Text}, features=[fsdb.Feature("n", sa.Integer)])])
    admin.execute("INSERT INTO account (id, balance) VALUES (1, 10)")
    store.sync(["account"])
    store.training_set(features=["account.balance"], known="now").save("first")
    admin.execute("ALTER TABLE account DISABLE TRIGGER USER")
    admin.execute("UPDATE account SET balance = 11")
    admin.execute("ALTER TABLE account ENABLE TRIGGER USER")
    store.repair("account", "live")
    found = list(store.audit(since=before))
    told = [(line["operation"], line["object"]) for line in reversed(found)]
    assert told == [
        ("apply", "shop"),
        ("copy", "account"),
        ("copy", "account"),
        ("save training set", "first"),
        ("repair", "account"),
    ]
    user = admin.execute("SELECT session_user::text").fetchone()[0]
    for line in found:
        assert line["by"] == line["role"] == user
        assert before <= line["at"] <= datetime.now(UTC)
        assert line["application"].startswith("fsdb")
    assert found[0]["details"] == {"source": "live", "changed": 1, "only_live": 0, "only_history": 0}
    assert store.audit(since=datetime.now(UTC) + timedelta(hours=1)).rows == ()
    assert [line["object"] for line in store.audit("first", "save training set")] == ["first"]


def test_what_is_rolled_back_is_not_recorded(store: fsdb.Store) -> None:
    before = len(store.audit())
    gone = fsdb.FeatureSet("gone", keys={"k": sa.Text}, features=[fsdb.Feature("n", sa.Integer)])
    with store.transaction() as connection, connection.transaction(force_rollback=True):
        store.apply([ACCOUNT, gone])
        assert ("apply", "gone") in operations(store)
    assert len(store.audit()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO fsdb.audit (by, role, application, operation, object) VALUES ('somebody', 'x', '', 'deploy', 'x')",
        "UPDATE fsdb.audit SET by = 'somebody'",
        "DELETE FROM fsdb.audit",
        "TRUNCATE fsdb.audit",
        "INSERT INTO fsdb.audit OVERRIDING SYSTEM VALUE SELECT * FROM fsdb.audit LIMIT 0",
        "MERGE INTO fsdb.audit a USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    ],
)
def test_nobody_changes_it_the_owner_neither(admin: psycopg.Connection, store: fsdb.Store, statement: str) -> None:
    before = store.audit().rows
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="own operations alone"):
        admin.execute(statement)
    assert store.audit().rows == before


def test_the_guard_is_not_passed_by_a_function_of_another_schema(admin: psycopg.Connection) -> None:
    body = (
        "BEGIN INSERT INTO fsdb.audit (by, role, application, operation, object) VALUES ('x', 'x', '', 'x', 'x'); END"
    )
    admin.execute(
        sql.SQL('CREATE FUNCTION public."function fsdb.append_audit("() RETURNS void LANGUAGE plpgsql AS {}').format(
            body
        )
    )
    admin.execute('CREATE SCHEMA "function fsdb"')
    admin.execute(
        sql.SQL('CREATE FUNCTION "function fsdb".append_audit() RETURNS void LANGUAGE plpgsql AS {}').format(body)
    )
    for function in ('public."function fsdb.append_audit("()', '"function fsdb".append_audit()'):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(f"SELECT {function}")


def test_a_caller_adds_a_line_under_its_own_name_alone(
    admin: psycopg.Connection, store: fsdb.Store, other: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(other)["user"]
    with psycopg.connect(other, autocommit=True) as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no operation to record"):
            session.execute("SELECT fsdb.record_operation('deploy', 'x')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT fsdb.append_audit('deploy', 'x', '{}')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT * FROM fsdb.audit")
        admin.execute(sql.SQL("GRANT INSERT ON fsdb.training_sets TO {}").format(sql.Identifier(name)))
        session.execute("SELECT fsdb.record_operation('export', 'mine', '{\"rows\": 1}')")
    (line,) = store.audit("mine")
    assert (line["by"], line["role"], line["details"]) == (name, name, {"rows": 1})
    admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(name)))
    admin.execute("SELECT fsdb.record_operation('export', 'theirs')")
    admin.execute("RESET ROLE")
    (line,) = store.audit("theirs")
    assert (line["by"], line["role"]) == (admin.info.user, name)


def test_a_function_with_owner_s_rights_does_not_hide_who_called_it(
    admin: psycopg.Connection, store: fsdb.Store, other: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(other)["user"]
    admin.execute(sql.SQL("GRANT INSERT ON fsdb.training_sets TO {}").format(sql.Identifier(name)))
    admin.execute(
        "CREATE FUNCTION public.on_behalf() RETURNS void LANGUAGE sql SECURITY DEFINER"
        " AS $$ SELECT fsdb.record_operation('export', 'behalf') $$"
    )
    with psycopg.connect(other, autocommit=True) as session:
        session.execute("SELECT public.on_behalf()")
    (line,) = store.audit("behalf")
    assert (line["by"], line["role"]) == (name, name)


def test_no_description_and_no_default_is_in_it(store: fsdb.Store, admin: psycopg.Connection) -> None:
    secret = "hunter2"
    features = [fsdb.Feature("n", sa.Text, default=secret, description=secret)]
    one = fsdb.FeatureSet("quiet", keys={"k": sa.Text}, features=features, description=secret)
    store.apply([ACCOUNT, one])
    store.apply([ACCOUNT], prune=True, allow_destructive=True)
    assert secret not in "".join(row[0] for row in admin.execute("SELECT a::text FROM fsdb.audit a"))


def test_the_command(store: fsdb.Store, admin: psycopg.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["audit", "account", "--operation", "apply", "--since", "2020-01-01", "--url", store.url, "--json"]) == 0
    )
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["object"], line["details"]) == ("account", {"change": "CreateFeatureSet"})
    assert main(["audit", "nothing", "--url", store.url]) == 0
    assert "Nothing was recorded" in capsys.readouterr().out
    assert main(["audit", "--since", "yesterday", "--url", store.url]) == 1


def test_the_catalog_s_migrations_are_in_it(store: fsdb.Store) -> None:
    lines = store.audit("catalog", "upgrade")
    assert [line["details"]["to"] for line in lines] == [fsdb.migrate.revisions.head_revision()]
