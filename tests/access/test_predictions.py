"""Numbers of predictions are fsdb's own, and a refusal tells whoever inserts no value that was looked up."""

from collections.abc import Iterator
from uuid import uuid4

import pandas as pd
import psycopg
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import fsdb
from tests.conftest import TestDatabase


@pytest.fixture(scope="module")
def scorer(module_database: TestDatabase) -> Iterator[str]:
    """A role that may insert into two model tables: `numbers`, whose model takes x, and `patients`, whose model looks up a diagnosis."""
    role = f"fsdb_scorer_{uuid4().hex[:6]}"
    given = pd.DataFrame({"x": [1.0, 2, 3, 4]})
    known = pd.DataFrame({"diagnosis": ["flu", "cold"] * 5, "word": ["a", "b"] * 5})
    tree = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["diagnosis", "word"])), DecisionTreeClassifier()
    ).fit(known, [0, 1] * 5)
    with fsdb.connect(module_database.url) as store, module_database.connect() as admin:
        store.apply([fsdb.FeatureSet("patient", {"id": "bigint"}, [fsdb.Feature("diagnosis", "text")])])
        store.ingest("patient", pd.DataFrame({"id": [1, 2], "diagnosis": ["flu", "rare and very private"]}))
        store.register_model(
            "numbers", LogisticRegression().fit(given, [0, 0, 1, 1]), inputs={"x": "double precision"}, rows=given
        )
        store.deploy("numbers", table="numbers")
        store.register_model("patients", tree, inputs={"diagnosis": "patient.diagnosis", "word": "text"}, rows=known)
        store.deploy("patients", table="patients")
        admin.execute(f"CREATE ROLE {role} LOGIN; GRANT INSERT, SELECT, DELETE ON numbers, patients TO {role}")
        yield role
        store.deploy("patients", table="patients", on_error="null")
        with psycopg.connect(module_database.url, user=role, autocommit=True) as application:
            row = application.execute("INSERT INTO patients (id, word) VALUES (2, 'a') RETURNING error").fetchone()
            assert row is not None
            assert 'input "diagnosis"' in row[0]
            assert "private" not in row[0]
            row = application.execute("INSERT INTO patients (id, word) VALUES (1, 'mine') RETURNING error").fetchone()
            assert row is not None
            assert '"mine"' in row[0]  # what the row itself says may be told
        admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_nobody_chooses_a_number(module_database: TestDatabase, scorer: str) -> None:
    with psycopg.connect(module_database.url, user=scorer, autocommit=True) as application:
        first = application.execute("INSERT INTO numbers (x) VALUES (1) RETURNING prediction_id").fetchone()
        for text in (
            "INSERT INTO numbers (prediction_id, x) VALUES (7, 1)",
            "INSERT INTO numbers (prediction_id, x) OVERRIDING SYSTEM VALUE VALUES (7, 1)",
            "INSERT INTO numbers (prediction_id, x) OVERRIDING USER VALUE VALUES (7, 1)",
            "INSERT INTO numbers (prediction_id, x, scored_by) VALUES (7, 1, 'onnx')",
            "INSERT INTO numbers (prediction_id, x) SELECT max(prediction_id) + 1, 1 FROM numbers",
        ):
            with pytest.raises(psycopg.errors.GeneratedAlways, match="numbered by fsdb"):
                application.execute(text)
        with (
            pytest.raises(psycopg.errors.GeneratedAlways),
            application.cursor().copy("COPY numbers (prediction_id, x) FROM STDIN") as copy,
        ):
            copy.write_row((9, 1.0))
        for text in (
            "UPDATE numbers SET prediction_id = 1000",
            "SELECT nextval('numbers_prediction_id_seq')",
            "SELECT setval('numbers_prediction_id_seq', 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(text)  # type: ignore[arg-type]
        application.execute("DELETE FROM numbers")
        second = application.execute("INSERT INTO numbers (x) VALUES (1) RETURNING prediction_id").fetchone()
    assert first is not None
    assert second is not None
    assert second[0] > first[0]


def test_scored_together_rows_are_numbered_by_the_same_sequence(module_database: TestDatabase, scorer: str) -> None:
    with fsdb.connect(module_database.url) as store, module_database.connect() as connection:
        before = connection.execute("INSERT INTO numbers (x) VALUES (1) RETURNING prediction_id").fetchone()
        recorded = store.deployment("numbers").score(pd.DataFrame({"x": [1.0, 2.0]}), record=True)
        after = connection.execute("INSERT INTO numbers (x) VALUES (1) RETURNING prediction_id").fetchone()
    assert before is not None
    assert after is not None
    numbers = recorded.column("prediction_id").to_pylist()
    assert [before[0], *numbers, after[0]] == list(range(before[0], before[0] + 4))


def test_a_refusal_names_the_feature_and_not_its_value(module_database: TestDatabase, scorer: str) -> None:
    with psycopg.connect(module_database.url, user=scorer, autocommit=True) as application:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("SELECT * FROM patient")
        with pytest.raises(psycopg.DataError, match='input "diagnosis"') as refused:
            application.execute("INSERT INTO patients (id, word) VALUES (2, 'a')")
        assert "private" not in str(refused.value)
        with pytest.raises(psycopg.DataError, match='"mine"'):
            application.execute("INSERT INTO patients (id, word) VALUES (1, 'mine')")
