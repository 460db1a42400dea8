"""Late values and backfills are held against the live table's NOT NULL, checks and foreign keys, as values in time are."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier

from fsdb import history, ingest
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData
from tests.conftest import TestDatabase
from tests.history.kept import day, versions

ACCOUNT = FeatureSet(
    "account",
    keys={"id": "integer"},
    features=[Feature(name, "integer") for name in ("owner", "part", "balance", "account")],
)
# Written after the set was made, as its owner would; a column and a table of the names that the check might use itself.
RULES = """
    CREATE TABLE rule (a int, b int, PRIMARY KEY (a, b));
    INSERT INTO rule VALUES (1, 1), (2, 2);
    CREATE FUNCTION whole(account) RETURNS boolean LANGUAGE sql AS 'SELECT $1.balance IS DISTINCT FROM 13';
    ALTER TABLE account ALTER balance SET NOT NULL,
        ADD CHECK (balance >= 0) NOT VALID, ADD CONSTRAINT "own %I name" CHECK (account <> 7),
        ADD CONSTRAINT whole_row CHECK (whole(account.*)),
        ADD CONSTRAINT pair FOREIGN KEY (owner, part) REFERENCES rule MATCH FULL"""
GOOD: dict[str, Any] = {"owner": 1, "part": 1, "balance": 5, "account": None}
BAD: list[tuple[dict[str, Any], type[psycopg.Error], str]] = [
    ({"balance": None}, psycopg.errors.NotNullViolation, "balance"),
    ({"balance": -1}, psycopg.errors.CheckViolation, "account_balance_check"),
    ({"account": 7}, psycopg.errors.CheckViolation, "own %I name"),
    ({"balance": 13}, psycopg.errors.CheckViolation, "whole_row"),
    ({"part": 2}, psycopg.errors.ForeignKeyViolation, "pair"),
    ({"part": None}, psycopg.errors.ForeignKeyViolation, "pair"),
]
STATEMENTS = {
    "update": "UPDATE account SET owner = %(owner)s, part = %(part)s, balance = %(balance)s, account = %(account)s, event_time = %(at)s",
    "upsert": "INSERT INTO account VALUES (1, %(owner)s, %(part)s, coalesce(%(balance)s, 1), %(account)s, %(at)s) ON CONFLICT (id) DO UPDATE"
    " SET owner = excluded.owner, part = excluded.part, balance = %(balance)s, account = excluded.account, event_time = excluded.event_time",
}


@pytest.fixture(scope="module")
def account(module_database: TestDatabase) -> Iterator[tuple[psycopg.Connection, RegisteredSet]]:
    with module_database.connect() as connection:
        with connection.transaction():
            registered = history.create(connection, ACCOUNT)
            connection.execute(RULES)  # type: ignore[arg-type]
            connection.execute("INSERT INTO account VALUES (1, 1, 1, 5, NULL, %s)", (day(10),))
        yield connection, registered


@pytest.mark.parametrize(("bad", "error", "rule"), BAD, ids=[str(bad) for bad, *_ in BAD])
@pytest.mark.parametrize("way", STATEMENTS)
def test_late_statements(
    account: tuple[psycopg.Connection, RegisteredSet],
    way: str,
    bad: dict[str, Any],
    error: type[psycopg.Error],
    rule: str,
) -> None:
    connection, registered = account
    before = versions(connection, registered)
    with pytest.raises(error) as refused, connection.transaction(force_rollback=True):
        connection.execute(STATEMENTS[way], {**GOOD, **bad, "at": day(5)})  # type: ignore[arg-type]
    if way == "update":
        assert refused.value.diag.constraint_name == rule
    assert versions(connection, registered) == before
    with connection.transaction(force_rollback=True):
        connection.execute(STATEMENTS[way], {**GOOD, "balance": 6, "at": day(5)})  # type: ignore[arg-type]
        assert versions(connection, registered)[-1].values["balance"] == 6


@pytest.mark.parametrize(("bad", "error", "rule"), BAD, ids=[str(bad) for bad, *_ in BAD])
def test_ingest_and_backfill(
    account: tuple[psycopg.Connection, RegisteredSet], bad: dict[str, Any], error: type[psycopg.Error], rule: str
) -> None:
    """Late rows, rows between others of an entity that is new, and past values of a feature."""
    connection, registered = account
    before = versions(connection, registered)

    def rows(*given: tuple[int, int, dict[str, Any]]) -> pa.Table:
        types = {name: pa.int32() for name in ("id", *GOOD)}
        named = [{"id": key, **GOOD, **changed, "event_time": day(at)} for key, at, changed in given]
        return pa.Table.from_pylist(
            named, schema=pa.schema([*types.items(), ("event_time", pa.timestamp("us", "UTC"))])
        )

    for data in (rows((1, 5, {"balance": 6}), (1, 6, bad)), rows((2, 1, {}), (2, 2, bad), (2, 3, {}))):
        with pytest.raises(InvalidData, match="does not fit account"), connection.transaction():
            ingest.ingest(connection, registered, data)
    with connection.transaction(force_rollback=True):
        filled = ["id", *bad, *(["owner"] if "part" in bad else []), "event_time"]
        past = rows((1, 5, bad)).select(filled)
        with pytest.raises(InvalidData, match="does not fit account"), connection.transaction():
            ingest.backfill(connection, registered, past)
        good = rows((1, 5, {"balance": 6})).select(filled)
        assert ingest.backfill(connection, registered, good) == 1
    assert versions(connection, registered) == before


def test_rules_run_as_who_writes(
    account: tuple[psycopg.Connection, RegisteredSet], module_database: TestDatabase
) -> None:
    """Checks are the table owner's code: not with fsdb's rights. A foreign key is looked up as the writer, too, or the right is named."""
    connection, registered = account
    role = f"writer_{module_database.name[-12:]}"
    connection.execute(SQL("CREATE ROLE {}").format(Identifier(role)))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(SQL("GRANT SELECT, UPDATE ON account TO {}").format(Identifier(role)))
            connection.execute(
                SQL(
                    "CREATE FUNCTION who() RETURNS boolean LANGUAGE plpgsql AS {};"
                    "ALTER TABLE account ADD CONSTRAINT who CHECK (who()) NOT VALID"
                ).format(f"BEGIN RETURN current_user = '{role}'; END")
            )
            connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
            late = "UPDATE account SET balance = 8, event_time = '2024-01-02'"
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="GRANT SELECT ON rule"),
                connection.transaction(),
            ):
                connection.execute(late)  # type: ignore[arg-type]
            connection.execute("RESET ROLE")
            connection.execute(SQL("GRANT SELECT ON rule TO {}").format(Identifier(role)))
            connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
            assert connection.execute(late).rowcount == 1  # type: ignore[arg-type]
            connection.execute("RESET ROLE")
            assert versions(connection, registered)[-1].values["balance"] == 8
    finally:
        connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))
