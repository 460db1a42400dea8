"""Expressions, views and saved sets that have them survive dump and restore."""

import subprocess
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

import fsdb
from tests.conftest import TestDatabase
from tests.expressions.test_training import AT
from tests.training.test_restore import PROGRAMS

pytestmark = pytest.mark.slow


def test_a_dump_has_expressions(database: TestDatabase, server_url: str, tmp_path: Path) -> None:
    definitions = [
        fsdb.FeatureSet("card", {"card_id": "bigint"}, [fsdb.Feature("total", "double precision")]),
        fsdb.Expression("share", "fee / nullif(card.total, 0)", inputs={"fee": "double precision"}),
        fsdb.TrainingView("fees", "SELECT card_id, fee, at FROM spine", "at", ["share"]),
    ]
    with fsdb.connect(database.url) as store:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE spine (card_id bigint, fee double precision, at timestamptz)")
            connection.execute("INSERT INTO spine VALUES (1, 2.5, %s), (2, 1, %s)", [AT, AT])
        store.apply(definitions)
        store.ingest("card", pd.DataFrame({"card_id": [1], "total": [10.0]}))
        before = store.training_set("fees").save("first").content_hash
    dump, name = tmp_path / "dump.sql", f"restored_{tmp_path.name[-20:].replace('-', '_')}"
    subprocess.run([PROGRAMS / "pg_dump", "--no-owner", "--file", dump, database.url], check=True, capture_output=True)
    restored = make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            command = [PROGRAMS / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, restored]
            subprocess.run(command, check=True, capture_output=True)
            with fsdb.connect(restored) as store:
                assert not store.plan(definitions, prune=True)
                assert store.load_training_set("first").verify() == before
                assert store.feature_vector("share", {"card_id": 1, "fee": 5.0})["share"] == 0.5
                with store.transaction() as connection:
                    found = connection.execute("SELECT share FROM fees_training ORDER BY card_id").fetchall()
            assert found == [(0.25,), (None,)]
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
