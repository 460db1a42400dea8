"""A store with something of everything, and all public calls that read it, each giving what can be compared."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression

import fsdb

EARLY = pd.Timestamp("2024-01-01", tz="UTC")
LATER = pd.Timestamp("2024-03-01", tz="UTC")
SPINE = pd.DataFrame({"id": [1, 2], "at": LATER})
VIEW = fsdb.TrainingView(
    "both",
    spine="SELECT id, timestamptz '2024-03-01' AS at, true AS y FROM labels",
    timestamp="at",
    label="y",
    features=["account.balance", "city.size"],
)
SETS = [
    fsdb.FeatureSet("account", keys={"id": sa.BigInteger}, features=[fsdb.Feature("balance", sa.BigInteger)]),
    fsdb.FeatureSet("city", keys={"id": sa.BigInteger}, features=[fsdb.Feature("size", sa.Float)]),
]


def build(url: str, warehouse: Path) -> None:
    """Two sets with a view, a saved training set, copies, and two models that have scored a row each."""
    with fsdb.connect(url, warehouse=str(warehouse)) as store:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE labels (id bigint, prediction_id bigint, truth boolean)")
            connection.execute("INSERT INTO labels VALUES (1, 1, true), (2, 2, false)")
        store.apply([*SETS, VIEW])
        store.ingest("account", pd.DataFrame({"id": [1, 2], "balance": [10, 20], "event_time": EARLY}))
        store.ingest("city", pd.DataFrame({"id": [1, 2], "size": [1.5, 2.5], "event_time": EARLY}))
        store.training_set("both", known="now", engine="postgres").save("kept")
        store.sync()
        given = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
        fitted = LogisticRegression().fit(given, given.amount > 2)
        store.register_model("plain", fitted, inputs={"amount": "double precision"}, rows=given)
        looked_up = pd.DataFrame({"balance": [1.0, 2.0, 3.0, 4.0], "size": [1.0, 2.0, 3.0, 4.0]})
        fitted = LogisticRegression().fit(looked_up, [0, 0, 1, 1])
        store.register_model("fed", fitted, inputs={"balance": "account.balance", "size": "city.size"}, rows=looked_up)
        store.deploy("plain", table="scores")
        store.deploy("fed", table="fed_scores")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO scores (amount) VALUES (1)")
        connection.execute("INSERT INTO fed_scores (id) VALUES (1)")


def calls(store: fsdb.Store) -> Mapping[str, Callable[[], Any]]:
    """Calls that read, by name."""

    def training(**options: Any) -> Any:
        built = store.training_set(
            spine=SPINE, features=["account.balance", "city.size"], timestamp="at", **{"engine": "postgres", **options}
        )
        return built.to_arrow().to_pylist()

    def inside() -> Any:
        with store.transaction():
            return [store.feature_vector(["account.balance"], {"id": key}) for key in (1, 2)]

    def reconnected() -> Any:
        with fsdb.connect(store.url) as other:
            return other.feature_vector(["city.size"], {"id": 2})

    return {
        "connect": reconnected,
        "vector": lambda: store.feature_vector(["account.balance", "city.size"], {"id": 1}),
        "vectors": lambda: store.feature_vectors(["account.balance"], [{"id": 2}, {"id": 1}]).to_pylist(),
        "vectors in a transaction": inside,
        "training set": training,
        "training set by DuckDB": lambda: training(engine="duckdb"),
        "training set as known then": lambda: training(known="then"),
        "training set as saved": lambda: training(known="kept"),
        "training set of a view": lambda: store.training_set("both", engine="postgres").to_arrow().to_pylist(),
        "history as spine": lambda: store.training_set(features=["account.balance"], engine="postgres").num_rows,
        "saved": lambda: store.load_training_set("kept").rebuild(engine="postgres").to_arrow().to_pylist(),
        "verify": lambda: str(store.load_training_set("kept").verify()),
        "as of": lambda: store.as_of("account", datetime(2024, 2, 1, tzinfo=UTC)).to_pylist(),
        "status": lambda: str(store.status()),
        "search": lambda: store.search().to_dicts(),
        "describe": lambda: store.describe("account").to_dicts() + store.describe("plain").to_dicts(),
        "model": lambda: str(store.describe_model("fed")),
        "stages": lambda: store.stages("plain").to_dicts(),
        "costs": lambda: [[row["deployment"], row["rows"], row["rejected"]] for row in store.costs().to_dicts()],
        "plan": lambda: str(store.plan([*SETS, VIEW])),
        "deployment": lambda: (store.deployment("scores").version, store.deployment("scores").reason),
        "events": lambda: store.deployment("scores").events().to_dicts(),
        "lineage": lambda: store.deployment("fed_scores").lineage(1).to_dicts(),
        "replay": lambda: str(store.deployment("fed_scores").replay()),
        "compare": lambda: store.deployment("scores").compare("labels", "truth").to_dicts(),
        "score": lambda: (
            store.deployment("fed_scores").score(pd.DataFrame({"id": [2, 1]})).column("probability").to_pylist()
        ),
    }
