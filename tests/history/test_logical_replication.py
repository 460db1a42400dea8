"""Tables whose rows come by logical replication: they fire no triggers once a statement, so history cannot follow them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

import fsdb
from fsdb import embedded
from fsdb.doctor import diagnose
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.migrate.repair import repair
from tests.conftest import server_folder

pytestmark = pytest.mark.slow
WEATHER = fsdb.FeatureSet("weather", keys={"origin": "text"}, features=[fsdb.Feature("temp", "integer")])


@pytest.fixture(scope="module")
def logical_server() -> Iterator[str]:
    """A server of wal_level = logical."""
    with server_folder() as folder:
        data = folder / "data"
        with psycopg.connect(embedded.start(data), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET wal_level = logical")
            admin.execute("ALTER SYSTEM SET fsync = off")
        embedded.stop(data)
        url = embedded.start(data)
        with psycopg.connect(url, autocommit=True) as admin:
            assert admin.execute("SHOW wal_level").fetchone() == ("logical",)
            for name in ("publishes", "subscribes"):
                admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield url
        embedded.stop(data)


@contextmanager
def _subscribed(server: str, tables: str) -> Iterator[None]:
    """Within the block the subscriber has these tables' rows from the publisher."""
    publisher, subscriber = (make_conninfo(server, dbname=name) for name in ("publishes", "subscribes"))
    with (
        psycopg.connect(publisher, autocommit=True) as sends,
        psycopg.connect(subscriber, autocommit=True) as takes,
    ):
        sends.execute(SQL("CREATE PUBLICATION shipped FOR TABLE {}").format(SQL(tables)))
        sends.execute("SELECT pg_create_logical_replication_slot('shipped', 'pgoutput')")
        takes.execute(
            SQL("CREATE SUBSCRIPTION shipped CONNECTION {} PUBLICATION shipped WITH (create_slot = false)").format(
                Literal(publisher)
            )
        )
        _until(takes, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
        try:
            yield
        finally:
            takes.execute("ALTER SUBSCRIPTION shipped DISABLE; ALTER SUBSCRIPTION shipped SET (slot_name = NONE)")
            takes.execute("DROP SUBSCRIPTION shipped")
            _until(sends, "SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'shipped'")
            sends.execute("SELECT pg_drop_replication_slot('shipped'); DROP PUBLICATION shipped")


def _until(connection: psycopg.Connection, question: str) -> None:
    deadline = time.monotonic() + 60
    while connection.execute(question).fetchone() != (True,):  # type: ignore[arg-type]
        assert time.monotonic() < deadline, question
        time.sleep(0.05)


def _said(store: fsdb.Store) -> str:
    with store.transaction() as connection:
        return " ".join(f"{one.found} {one.advice}" for one in diagnose(connection).checks if one.state == "wrong")


def test_a_table_that_a_subscription_feeds(logical_server: str) -> None:
    publisher, subscriber = (make_conninfo(logical_server, dbname=name) for name in ("publishes", "subscribes"))
    for url in (publisher, subscriber):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, total int)")
    with fsdb.connect(subscriber) as store:
        with (
            _subscribed(logical_server, "orders"),
            pytest.raises(InvalidDefinition, match="fed by subscription shipped"),
        ):
            store.track("orders")
        store.track("orders")
        with _subscribed(logical_server, "orders"):
            with psycopg.connect(publisher, autocommit=True) as sends:
                sends.execute("INSERT INTO orders VALUES (1, 10)")
            with psycopg.connect(subscriber, autocommit=True) as takes:
                _until(takes, "SELECT count(*) = 1 FROM orders")
            assert "fed by subscription shipped" in _said(store)
            assert "1 rows differ" in _said(store)
            with pytest.raises(ChangeRefused, match="drop the subscription"):
                store.repair("orders", "live")
        assert store.repair("orders", "live").only_live == 1
        assert store.feature_vector(["orders.total"], {"id": 1})["total"] == 10
        assert _said(store) == ""


def test_a_cut_over_to_a_logical_replica(logical_server: str) -> None:
    """Live table and history both came by replication, and the sequence did not."""
    publisher, subscriber = (make_conninfo(logical_server, dbname=name) for name in ("publishes", "subscribes"))
    with fsdb.connect(publisher) as old, fsdb.connect(subscriber) as new:
        for store in (old, new):
            store.apply([WEATHER])
        with old.transaction() as sends:
            sends.execute("INSERT INTO weather VALUES ('JFK', 1), ('LGA', 2)")
            sends.execute("UPDATE weather SET temp = 3")
        with psycopg.connect(subscriber, autocommit=True) as takes:
            with _subscribed(logical_server, "weather, fsdb_history.weather"):
                _until(takes, "SELECT count(*) = 4 FROM fsdb_history.weather")
                assert "fed by" not in _said(new)
            assert "version_id is at 4 and its sequence at 0" in _said(new)
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="fsdb upgrade"):
                takes.execute("UPDATE weather SET temp = 4")
            with new.transaction() as connection:
                assert repair(connection) == ["sequence weather:version_id"]
            takes.execute("UPDATE weather SET temp = 4")
            assert takes.execute("SELECT min(version_id) FROM fsdb_history.weather WHERE temp = 4").fetchone() == (5,)
            assert _said(new) == ""
