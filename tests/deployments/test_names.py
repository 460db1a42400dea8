"""Inputs of models under names that PostgreSQL, psycopg or fsdb use themselves: scored, replayed and told as all others, or refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from psycopg import sql
from sklearn.linear_model import LinearRegression, Ridge

import fsdb
from fsdb.deployments.binding import RECORDED, column_of
from fsdb.errors import InvalidDefinition, UnsupportedModel
from fsdb.worker import Worker
from tests.conftest import TestDatabase
from tests.names import NAMES

LONG = tuple("p" * 70 + end for end in "12")
USED = [*dict.fromkeys(name for name in (*NAMES, *LONG, "") if name not in RECORDED)]


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url) as opened:
        yield opened


def fitted(names: list[str]) -> tuple[Any, pd.DataFrame]:
    """A regression to which each column adds something else."""
    X = pd.DataFrame(np.random.default_rng(7).normal(size=(len(names) + 40, len(names))), columns=names)
    return LinearRegression().fit(X, X.to_numpy() @ np.arange(1.0, len(names) + 1)), X


def insert(store: fsdb.Store, table: str, row: dict[str, float | None], returning: str = "prediction_id") -> Any:
    """What an inserted row has in a column."""
    text = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, map(column_of, row))),
        sql.SQL(", ").join(map(sql.Literal, row.values())),
        sql.Identifier(returning),
    )
    with store.transaction() as connection:
        found = connection.execute(text).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize("runtime", ["sql", "worker"])
def test_every_name_is_an_input(store: fsdb.Store, runtime: str) -> None:
    model, X = fitted(USED)
    store.register_model("named", model, inputs=dict.fromkeys(USED, "double precision"), rows=X.head(30))
    deployment = store.deploy("named", table="named", runtime=runtime, on_error="null")
    one, other = (X.iloc[place].to_dict() for place in (3, 5))
    numbers = [insert(store, "named", one), insert(store, "named", {**other, "100%": None})]
    if runtime == "worker":
        Worker(store.url, deployment="named").run(once=True)
    with store.transaction() as connection:
        rows = connection.execute("SELECT prediction, error FROM named ORDER BY prediction_id").fetchall()
    assert rows[0] == (pytest.approx(model.predict(X.iloc[[3]])[0], rel=1e-9), None)
    assert rows[1][0] is None
    assert '"100%"' in rows[1][1]
    assert {row["input"]: float(row["value"]) for row in deployment.lineage(numbers[0])} == one
    for record in (False, True):
        found = deployment.score(X, record=record)
        assert found.column_names[: len(USED)] == USED
        if runtime == "sql" or not record:
            np.testing.assert_allclose(found["prediction"].to_numpy(), model.predict(X), rtol=1e-9)
    if runtime == "worker":
        Worker(store.url, deployment="named").run(once=True)
    assert (deployment.replay().checked, deployment.replay().different) == (len(X) + 1, 0)
    deployment.undeploy(drop_predictions=True)


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_recorded_is_no_input(store: fsdb.Store, name: str) -> None:
    model, X = fitted([name, "b"])
    store.register_model("taken", model, inputs=dict.fromkeys(X, "double precision"), rows=X)
    with pytest.raises(
        InvalidDefinition, match=f"'{name}', input of the model, is a column that a model table records"
    ):
        store.deploy("taken", table="taken")


def test_two_inputs_that_would_be_one_column(store: fsdb.Store) -> None:
    model, X = fitted(["xmin", "xmin_"])
    store.register_model("twice", model, inputs=dict.fromkeys(X, "double precision"), rows=X)
    with pytest.raises(
        InvalidDefinition, match="'xmin_', input of the model, would be the column 'xmin_' of the model"
    ):
        store.deploy("twice", table="twice")


def test_a_box_is_attached_and_shadowed(store: fsdb.Store) -> None:
    """xmin and xmax are what bounding boxes have; a table of an application calls them otherwise."""
    model, X = fitted(["xmin", "xmax", "ymin", "ymax"])
    store.register_model("box", model, inputs=dict.fromkeys(X, "double precision"), rows=X)
    with store.transaction() as connection:
        connection.execute("CREATE TABLE boxes (id int PRIMARY KEY, x0 float8, x1 float8, ymin float8, ymax float8)")
    store.attach("box", "boxes", inputs={"xmin": "x0", "xmax": "x1"})
    with store.transaction() as connection:
        connection.execute("INSERT INTO boxes VALUES (1, 1, 2, 3, 4)")
        assert connection.execute("SELECT prediction FROM boxes_scored").fetchone() == (
            pytest.approx(model.predict(pd.DataFrame([[1.0, 2, 3, 4]], columns=list(X)))[0]),
        )
    store.register_model("box", model, inputs=dict.fromkeys(X, "double precision"), rows=X)
    live = store.deploy("box", table="box", version=1)
    live.shadow(2)
    live.canary(2, share=0.5)
    assert insert(store, "box", X.iloc[0].to_dict(), "prediction") == pytest.approx(model.predict(X.head(1))[0])
    with store.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM box_shadow WHERE prediction IS NOT NULL").fetchone() == (1,)


@pytest.mark.parametrize(
    ("count", "said"), [(1700, "at most 1,600"), (1200, r"rows take \d+,\d+ bytes when all are filled")]
)
def test_more_inputs_than_a_table_takes(store: fsdb.Store, count: int, said: str) -> None:
    names = [f"w{number}" for number in range(count)]
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(5, count)), columns=names)
    store.register_model(
        "wide", Ridge().fit(X, X["w0"]), inputs=dict.fromkeys(names, "double precision"), rows=X.head(2)
    )
    for runtime in ("auto", "worker"):
        with pytest.raises(UnsupportedModel, match=said):
            store.deploy("wide", table="wide", runtime=runtime)
