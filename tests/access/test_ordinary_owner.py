"""The same attacks on an fsdb whose role is an ordinary one that owns the database, and on attached tables."""

# ruff: noqa: S608 names of this file alone

from collections.abc import Iterator
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb import doctor
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused
from tests.access.test_foreign_code import EVIL, FRAME, OPERATIONS, OWNER, PLACES, Shop, _all, _refusal, _role
from tests.conftest import TestDatabase


@pytest.fixture
def ordinary(server_url: str) -> Iterator[Shop]:
    """fsdb's role owns the database and no more; the shop's role has a schema in it."""
    keeper, name = f"fsdb_test_keeper_{uuid4().hex[:6]}", f"fsdb_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {keeper} LOGIN")  # type: ignore[arg-type]
        admin.execute(f"CREATE DATABASE {name} OWNER {keeper}")  # type: ignore[arg-type]
        url = make_conninfo(server_url, dbname=name)
        try:
            with psycopg.connect(url, autocommit=True) as inside, _role(inside):
                inside.execute(f"CREATE SCHEMA {OWNER} AUTHORIZATION {OWNER}")  # type: ignore[arg-type]
                database = TestDatabase(make_conninfo(url, user=keeper), name)
                with fsdb.connect(database.url):
                    pass
                with (
                    psycopg.connect(url, user=OWNER, autocommit=True) as owner,
                    psycopg.connect(database.url, autocommit=True) as own,
                ):
                    owner.execute(EVIL)  # type: ignore[arg-type]
                    owner.execute(f"GRANT ALL ON SCHEMA {OWNER} TO {keeper}")  # type: ignore[arg-type]
                    owner.execute(
                        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON TABLES TO {keeper}"  # type: ignore[arg-type]
                    )
                    yield Shop(database, own, owner)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
            admin.execute(f"DROP ROLE {keeper}")  # type: ignore[arg-type]


def _taken_over(ordinary: Shop, table: str) -> None:
    """The table becomes the application's, and fsdb's role keeps its rights."""
    with psycopg.connect(make_conninfo(ordinary.database.url, user="postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER TABLE {table} OWNER TO {OWNER}")  # type: ignore[arg-type]
    ordinary.owned(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {ordinary.fsdb.info.user}")


def test_a_tracked_table_of_anothers(ordinary: Shop) -> None:
    """Whatever its owner puts there, wherever; and what an operator does is refused."""
    table = f"{OWNER}.person"
    ordinary.fsdb.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, a int, s timestamptz DEFAULT now())")  # type: ignore[arg-type]
    with fsdb.connect(ordinary.database.url) as store:
        store.track(table, name="person", features=["a"], event_time="s")
    _taken_over(ordinary, table)
    ordinary.owned(f"INSERT INTO {table} (k, a) VALUES (1, 1)")
    with fsdb.connect(ordinary.database.url) as store:
        for text in PLACES.values():
            ordinary.owned(text.replace("{t}", table))
            _all(ordinary, table)
            for doing, operation in OPERATIONS.items():
                said = _refusal(operation, store)
                assert said or doing in ("A repair of person", "Reading the live table of person"), doing
            with pytest.raises(ChangeRefused, match="Erasing from"):
                store.erase("person", {"k": 1}, "asked")
    assert ordinary.caught() == set()


def test_a_live_table_with_triggers_of_anothers(ordinary: Shop) -> None:
    with fsdb.connect(ordinary.database.url) as store:
        store.apply([FeatureSet("account", keys={"k": "int"}, features=[Feature("a", "int")])])
        ordinary.fsdb.execute(f"GRANT ALL ON account TO {OWNER}")  # type: ignore[arg-type]
        ordinary.owned("INSERT INTO account (k, a) VALUES (1, 1); DELETE FROM account")
        for place in ("before", "after", "deferred", "condition"):
            ordinary.owned(PLACES[place].replace("{t}", "account"))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"late row of account .* role {OWNER} as"):
                ordinary.owned("INSERT INTO account (k, a, event_time) VALUES (1, 1, now() - interval '1 hour')")
        for call in (
            lambda: store.ingest("account", FRAME[["k", "a"]]),
            lambda: store.delete("account", {"k": 1}, pd.Timestamp.now(tz="UTC")),
            lambda: store.erase("account", {"k": 1}, "asked"),
        ):
            with pytest.raises(ChangeRefused, match=f"would run code of role {OWNER}"):
                call()
    assert ordinary.caught() == set()


@pytest.mark.parametrize("columns", [False, True])
def test_an_attached_table_of_anothers(ordinary: Shop, columns: bool) -> None:
    """Features change, and rows of that table would be scored again: its owner's code does not run as fsdb, and status and doctor tell."""
    table = f"{OWNER}.orders"
    frame = pd.DataFrame({"temp": [1.0, 2.0, 3.0], "a": [1, 2, 4]})
    with fsdb.connect(ordinary.database.url) as store:
        store.apply([FeatureSet("weather", keys={"k": "int"}, features=[Feature("temp", "double precision")])])
        store.register_model(
            "m",
            LinearRegression().fit(frame, [1.0, 2.0, 3.0]),
            inputs={"temp": "weather.temp", "a": "integer"},
            rows=frame,
        )
        ordinary.fsdb.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, a int, s timestamptz)")  # type: ignore[arg-type]
        store.attach("m", table=table, columns=columns, on_update=["inputs", "features"])
        _taken_over(ordinary, table)
        ordinary.fsdb.execute(f"INSERT INTO weather VALUES (1, 1); INSERT INTO {table} (k, a) VALUES (1, 1)")  # type: ignore[arg-type]
        assert "not fit" not in store.status().parts[-1].note
        for temp, (place, text) in enumerate(PLACES.items()):
            ordinary.owned(text.replace("{t}", table))
            _all(ordinary, table)
            ordinary.fsdb.execute("UPDATE weather SET temp = %s", (temp,))
            note = store.status().parts[-1].note
            unfit = "its attached table is not fit, rows there are not scored again: "
            # One whose rows show no predictions is read alone.
            assert (unfit in note) == (columns or "index" in {*list(PLACES)[: temp + 1]}), place
            assert unfit not in note or OWNER in note
        found = {check.name: check for check in doctor.diagnose(ordinary.fsdb).checks}["rights: attached tables"]
        assert found.state == "wrong"
    assert ordinary.caught() == set()
