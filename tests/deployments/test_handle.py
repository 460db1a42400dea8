"""A deployment's life from the SDK's handle alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

import fsdb
from fsdb.errors import ChangeRefused
from tests.conftest import TestDatabase


@pytest.fixture
def store(database: TestDatabase) -> fsdb.Store:
    """A store with two versions of model `late`: the first goes by x, the second by its opposite."""
    store = fsdb.connect(database.url)
    x = np.linspace(-1, 1, 50)
    for target in (x > 0, x <= 0):
        model = DecisionTreeClassifier(max_depth=1).fit(pd.DataFrame({"x": x}), target.astype(int))
        store.register_model("late", model, inputs={"x": "double precision"}, rows=pd.DataFrame({"x": x}))
    return store


def insert(database: TestDatabase, *values: float) -> list[int]:
    """The predictions for rows with those values."""
    with database.connect() as connection:
        return [
            connection.execute("INSERT INTO late (x) VALUES (%s) RETURNING prediction", (x,)).fetchone()[0]  # type: ignore[index]
            for x in values
        ]


def test_canaries_come_go_and_stay(store: fsdb.Store, database: TestDatabase) -> None:
    deployment = store.deploy("late", table="late", version=1)
    assert repr(deployment) == "<Deployment late: model late version 1, runtime sql>"
    assert deployment.canary_version is None
    assert deployment.canary(2, share=0.5, by=["x"]).canary_version == (2, 0.5)
    by_the_canary = [prediction == 0 for prediction in insert(database, *np.linspace(0.1, 0.9, 40))]
    assert 0 < sum(by_the_canary) < 40
    assert deployment.stop_canary().canary_version is None
    assert insert(database, -0.5, 0.5) == [0, 1]
    with pytest.raises(ChangeRefused, match="no canary"):
        deployment.promote_canary()
    deployment.canary(2, share=0.5)
    assert deployment.promote_canary().canary_version is None
    assert insert(database, -0.5, 0.5) == [1, 0]
    assert deployment.rollback().runtime == "sql"
    assert insert(database, -0.5, 0.5) == [0, 1]
    assert [event["action"] for event in deployment.events()][-1] == "rollback"


def test_a_canary_whose_version_becomes_the_live_one_ends(store: fsdb.Store) -> None:
    deployment = store.deploy("late", table="late", version=2)
    store.deploy("late", table="late", version=1)
    assert deployment.canary(2, share=0.5).rollback().canary_version is None
    assert deployment.canary(1, share=0.5).canary_version == (1, 0.5)
    assert store.deploy("late", table="late", version=1).canary_version is None


def test_what_it_costs_and_which_version_is_better(store: fsdb.Store, database: TestDatabase) -> None:
    deployment = store.deploy("late", table="late", version=1)
    shadow = deployment.shadow(2)
    insert(database, -0.9, -0.5, 0.2, 0.7)
    with database.connect() as connection:
        connection.execute("CREATE TABLE landed AS SELECT prediction_id, (x > 0.5)::int AS late FROM late")
    (costs,) = deployment.costs()
    assert (costs["rows"], costs["errors"], costs["rejected"]) == (4, 0, 0)
    assert [row["rows"] for row in deployment.costs(since=datetime.now(UTC) + timedelta(hours=1))] == [0]
    assert [row["rows"] for row in shadow.costs()] == [4]
    accuracies = {(row["role"], row["model_version"]): row["accuracy"] for row in deployment.compare("landed", "late")}
    assert accuracies == {("live", 1): 0.75, ("shadow", 2): 0.25}
