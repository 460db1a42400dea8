"""What a broken clock dated is taken out again: the set is as it was without it, and can be written, deleted and synced."""

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.cli.app import main
from fsdb.deployments import lineage, replay
from fsdb.errors import Erased, InvalidData
from tests.conftest import TestDatabase

ACCOUNT = fsdb.FeatureSet("account", keys={"id": sa.BigInteger}, features=[fsdb.Feature("b", sa.Float)])
NOW = datetime.now(UTC)
THEN = NOW + timedelta(days=365)
POISON = "294276-12-31 23:59:59.999999+00"


@pytest.fixture
def store(database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fsdb.Store]:
    with fsdb.connect(database.url, str(tmp_path_factory.mktemp("warehouse"))) as store:
        store.apply([ACCOUNT])
        yield store


def poisoned(store: fsdb.Store, connection: psycopg.Connection) -> None:
    """Rows of before there were bounds, one of them a new entity, beside rows that a clock of 2099 wrote."""
    connection.execute("INSERT INTO account VALUES (1, 1), (2, 2), (4, 4)")
    connection.execute("UPDATE account SET b = 20, event_time = '2099-01-01' WHERE id = 2")
    connection.execute("UPDATE account SET b = 21 WHERE id = 2")
    connection.execute("DELETE FROM account WHERE id = 4")
    connection.execute("INSERT INTO account VALUES (4, 44, '2099-06-01')")
    connection.execute("DELETE FROM account WHERE id = 4")
    connection.execute("SET session_replication_role = replica")
    connection.execute("INSERT INTO account VALUES (3, 3, %s)", (POISON,))
    connection.execute(
        "INSERT INTO fsdb_history.account (id, b, event_time, recorded_at) VALUES (3, 3, %s, now())", (POISON,)
    )
    connection.execute("RESET session_replication_role")
    with pytest.raises(psycopg.Error):
        connection.execute("DELETE FROM account WHERE id = 3")


def test_a_poisoned_set_is_mended(store: fsdb.Store, connection: psycopg.Connection) -> None:
    poisoned(store, connection)
    before = connection.execute("SELECT * FROM fsdb_history.account WHERE event_time <= %s", (THEN,)).fetchall()
    found = store.repair("account", dated_after=THEN)
    assert (found.number, found.entities, found.counts["history"]) == (None, 3, 5)
    assert connection.execute("SELECT count(*) FROM account").fetchone() == (3,)
    done = store.repair(
        "account", dated_after=THEN, confirm=lambda shown: shown.counts["history"] == 5, why="clock of host 7"
    )
    assert done.number is not None
    assert connection.execute("SELECT id, b FROM account ORDER BY id").fetchall() == [(1, 1.0), (2, 2.0)]
    assert connection.execute("SELECT * FROM fsdb_history.account").fetchall() == before
    assert store.repair("account").total == 0
    assert not store.repair("account", dated_after=THEN)
    connection.execute("INSERT INTO account VALUES (3, 3)")
    connection.execute("UPDATE account SET b = 9")
    connection.execute("DELETE FROM account WHERE id = 3")
    assert store.sync().table.to_dicts()[0]["versions"] > 0
    line = store.audit("account", "repair").to_dicts()[-1]
    assert connection.execute("SELECT operation, why FROM fsdb.erasures").fetchall() == [("repair", "clock of host 7")]
    assert {row["details"].get("why") for row in store.audit("account", "repair").to_dicts()} >= {"clock of host 7"}, (
        line
    )


def test_copy_saved_sets_and_predictions_that_used_it(store: fsdb.Store, connection: psycopg.Connection) -> None:
    fitted = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    store.register_model("score", fitted, inputs={"b": "account.b"})
    store.deploy("score", "scored")
    connection.execute("INSERT INTO account VALUES (1, 1), (2, 2)")
    connection.execute("INSERT INTO scored (id) VALUES (1), (2)")
    soon = datetime.now(UTC) - timedelta(seconds=1)
    connection.execute("UPDATE account SET b = 5 WHERE id = 1")
    connection.execute("INSERT INTO scored (id) VALUES (1)")
    first = connection.execute("SELECT event_time FROM fsdb_history.account WHERE b = 2").fetchone()[0]
    spine = pd.DataFrame({"id": [1, 2], "at": [pd.Timestamp.now(tz="UTC")] * 2})
    early = spine.assign(at=pd.Timestamp(soon - timedelta(days=1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store.training_set(spine=spine, features=["account.b"], timestamp="at").save("used")
        store.training_set(spine=early, features=["account.b"], timestamp="at").save("early")
    store.sync()
    done = store.repair("account", dated_after=first, confirm=lambda _shown: True)
    assert isinstance(done, fsdb.erasure.ErasureResult)
    assert (done.counts["history"], done.training_sets, done.predictions) == (1, {"used": 0}, {"scored": 1})
    with pytest.raises(Erased, match="took versions out of account"):
        store.load_training_set("used").verify()
    store.load_training_set("early").verify()
    with store.transaction() as inside:
        again = replay(inside, "scored", None)
        assert (again.checked, again.different, again.erased) == (3, 0, 1)
        assert "took versions out of account" in again.rows.to_dicts()[0]["reason"]
        assert "took versions out of account" in (lineage(inside, "scored", 3).title or "")
    for engine in ("postgres", "duckdb"):
        built = store.training_set(spine=spine, features=["account.b"], timestamp="at", engine=engine, known="now")
        assert built.to_pandas().b.tolist() == [1.0, 2.0]


def test_a_tracked_table_keeps_what_its_application_wrote(store: fsdb.Store, connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (id integer PRIMARY KEY, n integer, seen timestamptz)")
    store.track("app", event_time="seen")
    connection.execute("INSERT INTO app VALUES (1, 1, now() - interval '1 day')")
    connection.execute("UPDATE app SET n = 2, seen = '2099-01-01'")
    store.repair("app", dated_after=THEN, confirm=lambda _shown: True)
    assert connection.execute("SELECT n, seen > '2098-01-01' FROM app").fetchall() == [(2, True)]
    versions = connection.execute(
        "SELECT n, event_time < %s FROM fsdb_history.app ORDER BY version_id", (THEN,)
    ).fetchall()
    assert versions == [(1, True), (2, True)]


def test_the_command(store: fsdb.Store, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    poisoned(store, connection)
    url = ["--url", store.url]
    assert main(["repair", "account", "--dated-after", "2050-01-01", *url]) == 1  # nobody to ask
    assert main(["repair", "account", "--dated-after", "2050-01-01", "--from", "live", *url]) == 1
    capsys.readouterr()
    assert main(["repair", "account", "--dated-after", "2050-01-01", "--dry-run", "--json", *url]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["history"] == 5
    assert main(["repair", "account", "--dated-after", "2050-01-01", "--yes", *url]) == 0
    assert main(["repair", "account", "--dated-after", "2050-01-01", "--yes", *url]) == 0
    assert "dated later" in capsys.readouterr().out
    with pytest.raises(InvalidData, match="no time zone"):
        store.repair("account", dated_after=datetime(2050, 1, 1))
