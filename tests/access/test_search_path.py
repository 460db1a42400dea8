"""Operators, functions and types of others are never caught by fsdb's own statements, whatever the session's search path."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sklearn.linear_model import LogisticRegression

import fsdb
from fsdb.cli.app import main
from tests.conftest import TestDatabase

_BODY = "BEGIN INSERT INTO public.caught VALUES (current_user, '{name}'); RETURN {value}; EXCEPTION WHEN OTHERS THEN RETURN {value}; END"
_OPERATORS = {"=": "eq", "<>": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"}
_TYPES = ("varchar", "smallint", "date", "bpchar")
_FUNCTIONS = [
    ("count", "varchar", "bigint", "1"),
    ("max", "varchar", "varchar", "$1"),
    ("length", "varchar", "integer", "1"),
    ("md5", "varchar", "text", "'x'"),
    ("upper", "varchar", "text", "$1::text"),
    ("to_regclass", "varchar", "regclass", "NULL"),
    ("format", "varchar", "text", "''"),
    ("quote_ident", "varchar", "text", "$1::text"),
    ("has_table_privilege", "varchar, varchar", "boolean", "true"),
    ("clock_timestamp", "", "timestamptz", "pg_catalog.now()"),
    ("unnest", "varchar[]", "varchar", "'x'"),
]


@pytest.fixture(scope="module")
def roles(server_url: str) -> Iterator[tuple[str, str, str]]:
    """fsdb's role, an application's, and one that may create in schema public."""
    names = tuple(f"fsdb_path_{kind}_{uuid4().hex[:6]}" for kind in ("own", "app", "mallory"))
    with psycopg.connect(server_url, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE ROLE {name} LOGIN")  # type: ignore[arg-type]
        yield names  # type: ignore[misc]
        for name in names:
            admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")  # type: ignore[arg-type]


@pytest.fixture(params=["public", "evil first"])
def trapped(request: pytest.FixtureRequest, server_url: str, roles: tuple[str, str, str]) -> Iterator[TestDatabase]:
    """A database of fsdb's role, in whose schema public, or in one that everybody's path begins with, another role has set traps."""
    own, _, mallory = roles
    name = f"fsdb_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER {own}")  # type: ignore[arg-type]
        url = make_conninfo(server_url, dbname=name)
        with psycopg.connect(url, autocommit=True) as inside:
            inside.execute(f"GRANT CREATE ON SCHEMA public TO {mallory}, {own}")  # type: ignore[arg-type]
            inside.execute(f"CREATE SCHEMA evil AUTHORIZATION {mallory}; GRANT USAGE ON SCHEMA evil TO PUBLIC")  # type: ignore[arg-type]
            inside.execute("CREATE TABLE public.caught (who text, what text); GRANT INSERT ON public.caught TO PUBLIC")
        first = request.param == "evil first"
        with psycopg.connect(url, user=mallory, autocommit=True) as traps:
            set_traps(traps, "evil" if first else "public", first)
        if first:
            admin.execute(f"ALTER DATABASE {name} SET search_path = evil, pg_catalog, public")  # type: ignore[arg-type]
        yield TestDatabase(make_conninfo(url, user=own), name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def set_traps(connection: psycopg.Connection[Any], schema: str, exact: bool) -> None:
    """Operators on types that have none of their own, functions that fit a varchar better; `exact`: ones that pg_catalog has as well."""

    def function(name: str, arguments: str, result: str, value: str) -> None:
        body = _BODY.format(name=name, value=value)
        connection.execute(
            f"CREATE FUNCTION {schema}.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $trap$ {body} $trap$"  # type: ignore[arg-type]
        )

    types = (*_TYPES, "text", "bigint", "timestamptz", "name", "oid") if exact else _TYPES
    for one in types:
        for sign, name in _OPERATORS.items():
            like = f"$1::pg_catalog.text OPERATOR(pg_catalog.{sign}) $2::pg_catalog.text"
            function(f"{name}_{one}", f"{one}, {one}", "boolean", like)
            connection.execute(
                f"CREATE OPERATOR {schema}.{sign} (LEFTARG = {one}, RIGHTARG = {one}, FUNCTION = {schema}.{name}_{one})"  # type: ignore[arg-type]
            )
    for name, arguments, result, value in _FUNCTIONS:
        function(name, arguments, result, value)
    if exact:
        function("current_schema", "", "name", "'public'")
        for kind in ("text", "date", "uuid", "jsonb", "timestamptz"):
            connection.execute(
                f"CREATE DOMAIN {schema}.{kind} AS pg_catalog.{kind} CHECK ({schema}.md5('x'::varchar) IS NOT NULL)"  # type: ignore[arg-type]
            )


def caught(database: TestDatabase, server_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(make_conninfo(server_url, dbname=database.name), autocommit=True) as admin:
        found = admin.execute("SELECT who, what, pg_catalog.count(*) FROM public.caught GROUP BY 1, 2").fetchall()
        admin.execute("TRUNCATE public.caught")
    return found


def written_past(store: fsdb.Store) -> None:
    """Rows that no trigger has seen, repaired in both directions; then an entity is erased."""
    for n, source in enumerate(("live", "history"), 1):
        with store.transaction() as connection:
            connection.execute("ALTER TABLE public.account DISABLE TRIGGER USER")
            connection.execute("UPDATE public.account SET balance = balance OPERATOR(pg_catalog.+) 1")
            connection.execute(
                "INSERT INTO public.account (code, n, d, balance, kind, event_time) VALUES ('p', %s, '2024-01-01', 1, 'x', pg_catalog.now())",
                (n,),
            )
            connection.execute("ALTER TABLE public.account ENABLE TRIGGER USER")
        assert store.repair("account", source)
    store.erase("account", {"code": "p", "n": 1, "d": date(2024, 1, 1)}, "asked")


def test_the_user_s_triggers_find_what_they_name(database: TestDatabase, tmp_path: Path) -> None:
    """Their functions name their tables as their session does."""
    accounts = fsdb.FeatureSet("account", keys={"d": sa.Date}, features=[fsdb.Feature("balance", sa.BigInteger)])
    with fsdb.connect(database.url, str(tmp_path)) as store, database.connect() as connection:
        store.apply([accounts])
        connection.execute(
            "CREATE TABLE log (what text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO log VALUES (TG_OP); RETURN NULL; END $$;"
            "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION note()"
        )

        def noted() -> list[str]:
            return [what for (what,) in connection.execute("DELETE FROM log RETURNING what")]

        def past_triggers(statement: str) -> None:
            connection.execute(
                f"ALTER TABLE account DISABLE TRIGGER USER; {statement}; ALTER TABLE account ENABLE TRIGGER USER"  # type: ignore[arg-type]
            )

        day, began = date(2024, 1, 1), datetime.now(UTC)
        frame = pd.DataFrame({"d": [day], "balance": [1], "event_time": [pd.Timestamp(began)]})
        store.ingest("account", frame)
        assert noted() == ["INSERT"]
        store.backfill("account", frame.assign(balance=2), features=["balance"])
        assert noted() == ["UPDATE"]
        past_triggers("UPDATE account SET balance = 3")
        store.repair("account", "history")
        assert noted() == ["UPDATE"]
        past_triggers("UPDATE account SET balance = 3")
        store.repair("account", "live")
        assert noted() == ["UPDATE"]
        store.delete("account", {"d": day}, datetime.now(UTC))
        assert noted() == ["DELETE"]
        connection.execute("INSERT INTO account VALUES ('2024-01-01', 4)")
        store.erase("account", {"d": day}, "asked")
        assert noted() == ["INSERT", "DELETE"]


@pytest.mark.slow
def test_nothing_is_caught(
    trapped: TestDatabase, server_url: str, roles: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, application, _ = roles
    monkeypatch.setenv("FSDB_WAREHOUSE", str(tmp_path / "warehouse"))
    now, day = datetime.now(UTC), date(2024, 1, 1)
    accounts = fsdb.FeatureSet(
        "account",
        keys={"code": sa.String(10), "n": sa.SmallInteger, "d": sa.Date},
        features=[fsdb.Feature("balance", sa.BigInteger), fsdb.Feature("kind", sa.String(5), default="x")],
        max_age="3000 days",
    )
    spine = "SELECT code, n, d, pg_catalog.now() AS at FROM public.account"
    key = {"code": "a", "n": 1, "d": day}
    rows = pd.DataFrame({"code": ["a", "c"], "n": [1, 1], "d": [day] * 2, "balance": [5, 6], "kind": ["u", "v"]})
    fitted = LogisticRegression().fit(pd.DataFrame({"x": [1.0, 2, 3, 4]}), [0, 0, 1, 1])
    table = pd.DataFrame({"x": [1.0, 2, 3, 4]})
    file = tmp_path / "rows.csv"
    rows.to_csv(file, index=False)
    with fsdb.connect(trapped.url) as store:

        def in_a_transaction() -> None:
            with store.transaction():
                store.feature_vector(["account.balance"], key)
                store.feature_vectors("account", [key])

        calls: dict[str, Callable[[], object]] = {
            "apply": lambda: store.apply([accounts]),
            "ingest": lambda: store.ingest("account", rows),
            "again": lambda: store.ingest("account", rows.assign(event_time=pd.Timestamp(now))),
            "late": lambda: store.ingest("account", rows.assign(event_time=pd.Timestamp(now - timedelta(days=9)))),
            "vector": lambda: store.feature_vector(["account.balance"], key),
            "vectors": lambda: store.feature_vectors("account", [key, key]),
            "both in a transaction": in_a_transaction,
            "training set": lambda: store.training_set(
                spine=spine, features=["account"], timestamp="at", engine="postgres", known="now"
            ).to_pandas(),
            "history as spine": lambda: store.training_set(features=["account"], known="now").to_pandas(),
            "as of": lambda: store.as_of("account", now),
            "sync": store.sync,
            "duckdb": lambda: store.training_set(
                spine=spine, features=["account"], timestamp="at", engine="duckdb", known="now"
            ).to_pandas(),
            "saved": lambda: store.training_set(spine=spine, features=["account"], timestamp="at", known="now").save(
                "saved"
            ),
            "verify": lambda: store.load_training_set("saved").verify(),
            "view": lambda: store.apply(
                [accounts, fsdb.TrainingView("seen", spine=spine, timestamp="at", features=["account.balance"])]
            ),
            "add and widen": lambda: store.apply(
                [
                    fsdb.FeatureSet(
                        "account",
                        keys=accounts.keys,
                        features=[*accounts.features, fsdb.Feature("more", sa.SmallInteger)],
                        max_age="3000 days",
                    )
                ]
            ),
            "delete": lambda: store.delete("account", [{"code": "c", "n": 1, "d": day}], datetime.now(UTC)),
            "backfill": lambda: store.backfill(
                "account", rows.assign(event_time=pd.Timestamp(now)), features=["balance"]
            ),
            "repair": lambda: store.repair("account"),
            "repair what differs": lambda: written_past(store),
            "register": lambda: store.register_model("m", fitted, inputs={"x": "double precision"}, rows=table),
            "deploy": lambda: store.deploy("m", table="scored"),
            "score": lambda: store.deployment("scored").score(table),
            "score a query": lambda: store.deployment("scored").score("SELECT 1.0::double precision AS x"),
            "record": lambda: store.deployment("scored").score(table, record=True),
            "replay": lambda: store.deployment("scored").replay(),
            "lineage": lambda: store.deployment("scored").lineage(1),
            "costs": lambda: store.deployment("scored").costs(),
            "status": lambda: str(store.status()),
            "search": lambda: str(store.search("acc")),
            "describe": lambda: str(store.describe("account")),
        }
        failed = {}
        for label, call in calls.items():
            try:
                call()
            except fsdb.FsdbError as error:
                failed[label] = str(error)
            assert caught(trapped, server_url) == [], label
        assert failed == {}
        for command in (
            ["status"], ["doctor"], ["search", "acc"], ["describe", "account"], ["sync"], ["costs"], ["upgrade"],
            ["ingest", "account", str(file)], ["worker", "--once"],
        ):  # fmt: skip
            main([*command, "--url", trapped.url])
            assert caught(trapped, server_url) == [], command
        with store.transaction() as connection:
            connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON public.account TO {application}")  # type: ignore[arg-type]
            connection.execute(f"GRANT INSERT, SELECT ON public.scored TO {application}")  # type: ignore[arg-type]
        # The application's own statements mean what its own path says; what fsdb's triggers do for it does not.
        with psycopg.connect(trapped.url, user=application, autocommit=True) as app:
            app.execute("INSERT INTO public.account (code, n, d, balance) VALUES ('q', 2, '2024-01-01', 1)")
            app.execute("UPDATE public.account SET balance = 3")
            app.execute("UPDATE public.account SET code = 'zz', d = '2024-02-02' WHERE n OPERATOR(pg_catalog.=) 2")
            app.execute("INSERT INTO public.scored (x) VALUES (1)")
            app.execute("DELETE FROM public.account")
        assert caught(trapped, server_url) == []
        store.training_set("seen", known="now").to_pandas()
        with store.transaction() as connection:
            connection.execute("SELECT * FROM public.account_as_of(pg_catalog.now())")
            connection.execute("SELECT * FROM public.seen_training")
            connection.execute("SELECT * FROM public.account_history")
        assert caught(trapped, server_url) == []
