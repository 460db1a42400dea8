"""Dump and restore keep window sets: saved sets, predictions and their replay, also in a server that counts its transactions anew."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import fsdb
from tests.conftest import TestDatabase
from tests.training.test_restore import PROGRAMS
from tests.windows.test_predictions import FEATURES, MINUTES, PAYMENTS, SPENT, pay, prepare, request, shown

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::fsdb.LateValues", "ignore::fsdb.NothingMatched")]


def test_restored_into_a_new_server(database: TestDatabase, other_server: str, tmp_path: Path) -> None:
    spine = pd.DataFrame({"card": [1, 2], "at": [datetime.now(UTC)] * 2})
    with fsdb.connect(database.url) as store:
        prepare(store)
        with store.transaction() as connection:
            pay(connection, 1, 1, MINUTES, 10.0)
            pay(connection, 2, 1, timedelta(hours=3), 20.0)
            old = request(connection, 1)
            pay(connection, 3, 1, MINUTES, 40.0)
        store.training_set(spine=spine, features=FEATURES, timestamp="at").save("spending")
        with store.transaction() as connection:
            for _ in range(2000):  # the new server will have counted fewer
                connection.execute("SELECT pg_current_xact_id()")
            connection.execute("DELETE FROM payments WHERE payment_id = 2")
        assert store.deployment("requests").replay().different == 0
        expected = shown(store.deployment("requests"), old)
    dump = tmp_path / "dump.sql"
    subprocess.run([PROGRAMS / "pg_dump", "--no-owner", "--file", dump, database.url], check=True, capture_output=True)
    with psycopg.connect(other_server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored_windows")
    restored = make_conninfo(other_server, dbname="restored_windows")
    psql = [PROGRAMS / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, restored]
    subprocess.run(psql, check=True, capture_output=True)
    with fsdb.connect(restored) as store:
        assert not store.plan([PAYMENTS, SPENT]).changes
        assert {o.state for part in store.status().parts for o in part.objects} == {"installed"}
        store.load_training_set("spending").verify()
        assert shown(store.deployment("requests"), old) == expected
        with store.transaction() as connection:
            pay(connection, 4, 1, MINUTES, 80.0)
            new = request(connection, 1)
            pay(connection, 5, 1, MINUTES, 160.0)
            connection.execute("DELETE FROM payments WHERE payment_id = 1")
        replayed = store.deployment("requests").replay()
        assert (replayed.checked, replayed.different) == (2, 0)
        assert shown(store.deployment("requests"), new)["amount_sum_1_hour"] == "130"
        store.load_training_set("spending").verify()
