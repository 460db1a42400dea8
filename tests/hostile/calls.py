"""Every public call with arguments that are right, in a small world where each of them works."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sklearn.linear_model import LinearRegression

import fsdb

AT = datetime(2024, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """A public callable and arguments that it takes."""

    name: str
    run: Callable[..., Any]
    arguments: Mapping[str, Any]
    alone: bool = False  # commits on its own, and is refused inside a transaction


def definitions() -> list[Call]:
    """The calls that need no database."""
    feature = fsdb.Feature("temp", "double precision")
    named = {"description": "", "tags": ["a"], "owner": "us"}
    sets = {"name": "weather", "keys": {"origin": "text"}, "features": [feature]}
    return [
        Call("Feature", fsdb.Feature, {"name": "t", "type": "real", "default": 1.0, **named}),
        Call(
            "FeatureSet",
            fsdb.FeatureSet,
            {
                **sets,
                "max_age": "1 hour",
                "tracks": None,
                "event_time": None,
                "retention": "1 day",
                "ahead": "1 day",
                "happens": None,
                **named,
            },
        ),
        Call(
            "EventTable",
            fsdb.EventTable,
            {"name": "paid", "id": "id", "event_time": "at", "columns": {"x": "real"}, "retention": "1 day", **named},
        ),
        Call(
            "EventTable.track",
            fsdb.EventTable.track,
            {
                "table": "paid",
                "id": "id",
                "event_time": "at",
                "columns": {"x": "real"},
                "name": "paid",
                "retention": "1 day",
                **named,
            },
        ),
        Call(
            "Window",
            fsdb.Window,
            {"column": "x", "functions": ["sum"], "widths": ["1 day"], "where": "x > 1", "name": "x"},
        ),
        Call(
            "WindowSet",
            fsdb.WindowSet,
            {
                "name": "spent",
                "events": "paid",
                "keys": {"card": "card"},
                "features": [fsdb.Window("x", "sum", "1 day")],
                "offset": "1 second",
                "step": "1 minute",
                **named,
            },
        ),
        Call(
            "Expression",
            fsdb.Expression,
            {"name": "share", "expression": "fee / weather.temp", "inputs": {"fee": "double precision"}, **named},
        ),
        Call("FeatureSet.split", fsdb.FeatureSet.split, sets),
        Call(
            "TrainingView",
            fsdb.TrainingView,
            {"name": "v", "spine": "SELECT 1", "timestamp": "at", "features": ["w.t"], "label": "y", **named},
        ),
        Call(
            "BatchSet",
            fsdb.BatchSet,
            {
                **sets,
                "query": "SELECT 'A' AS origin, 1.0::float8 AS temp",
                "schedule": "0 3 * * *",
                "timezone": "UTC",
                "lookback": "1 hour",
                "retries": 1,
                "catch_up": True,
                "after": ["other"],
                "max_age": "1 hour",
                "retention": "1 day",
                "ahead": "1 day",
                **named,
            },
        ),
        Call(
            "Schedule",
            fsdb.Schedule,
            {
                "name": "nightly",
                "job": "batch",
                "cron": "0 3 * * *",
                "timezone": "UTC",
                "sets": [],
                "query": "SELECT 1",
                "lookback": "1 hour",
                "retries": 1,
                "catch_up": True,
                "after": ["other"],
                **named,
            },
        ),
        Call("OnnxModel", fsdb.OnnxModel, {"model": b"", "classes": (0, 1), "translate": True}),
        Call("Table.of", fsdb.Table.of, {"columns": ["a"], "rows": [[1]], "title": "t"}),
        Call("connect", fsdb.connect, {"url": "postgresql://127.0.0.1:1/none", "warehouse": None, "create": False}),
    ]


def make_world(store: fsdb.Store) -> list[Call]:
    """Makes two sets, a view, a saved training set, two model versions and two deployments; gives the calls of the store and its handles."""
    weather = fsdb.FeatureSet(
        "weather",
        keys={"origin": "text"},
        features=[
            fsdb.Feature("temp", "double precision"),
            fsdb.Feature("wind", "integer"),
            fsdb.Feature("doc", "jsonb"),
        ],
        retention="1 day",
    )
    spine_query = "SELECT 'A' AS origin, timestamptz '2024-02-02Z' AS at, 1.0::float8 AS y"
    view = fsdb.TrainingView("at_noon", spine=spine_query, timestamp="at", features=["weather.temp"], label="y")
    daily = fsdb.BatchSet(
        "daily",
        keys={"origin": "text"},
        features=[fsdb.Feature("temp", "double precision")],
        query="SELECT 'A' AS origin, 1.0::float8 AS temp",
        schedule="0 3 * * *",
    )
    store.apply([weather, view, daily])
    store.grant("reader", "pg_monitor")
    rows = pd.DataFrame({"origin": ["A", "B"], "temp": [1.0, 2.0], "wind": [3, 4], "event_time": [AT, AT]})
    store.ingest("weather", rows)
    spine = pd.DataFrame({"origin": ["A", "B"], "at": [datetime(2024, 2, 2, tzinfo=UTC)] * 2, "y": [1.0, 2.0]})
    with warnings.catch_warnings(action="ignore"):
        built = store.training_set(spine=spine, features=["weather.temp"], timestamp="at", label="y", known="now")
    spare = built.save("spare")
    saved = built.save("kept")  # what a model was trained on
    model = LinearRegression().fit(built.to_pandas()[["temp"]], [1.0, 2.0])
    for _ in range(2):
        store.register_model("late", model, training_set=built)
    with store.transaction() as connection:
        connection.execute("CREATE TABLE trips (id int PRIMARY KEY, origin text)")
        connection.execute(
            "CREATE TABLE parcels (id int PRIMARY KEY, weight int, at timestamptz NOT NULL DEFAULT now())"
        )
        connection.execute("CREATE TABLE labels (prediction_id bigint, y float8)")
    deployed = store.deploy("late", table="scores", version=1)
    with store.transaction() as connection:
        connection.execute("INSERT INTO scores (origin) VALUES ('A')")
    about = {"description": "", "tags": ["a"], "owner": "us"}
    told = {"event_time": "event_time", "timezone": "UTC", "progress": None}
    of_set = {"version": 1, "runtime": "auto"}
    store_calls: dict[str, dict[str, Any]] = {
        "plan": {"definitions": [weather], "prune": False},
        "apply": {"definitions": [weather], "prune": False, "allow_destructive": True, "confirm": None},
        "track": {
            "table": "parcels",
            "name": "parcels",
            "keys": ["id"],
            "features": ["weight"],
            "event_time": "at",
            "max_age": "1 day",
            "description": "",
        },
        "ingest": {"feature_set": "weather", "data": rows, **told},
        "delete": {"feature_set": "weather", "keys": {"origin": "A"}, "event_time": datetime.now(UTC)},
        "backfill": {"feature_set": "weather", "data": rows, "features": ["wind"], **told},
        "feature_vector": {"features": ["weather.temp"], "keys": {"origin": "A"}},
        "feature_vectors": {"features": ["weather.temp"], "keys": [{"origin": "A"}]},
        "training_set": {
            "view": None,
            "spine": spine,
            "features": ["weather.temp"],
            "timestamp": "at",
            "label": "y",
            "engine": "postgres",
            "known": "now",
            "timezone": "UTC",
            "values": "history",
        },
        "as_of": {"feature_set": "weather", "moment": AT},
        "load_training_set": {"name": "kept"},
        "register_model": {
            "name": "late",
            "estimator": model,
            "training_set": built,
            "inputs": {"temp": "weather.temp"},
            "metrics": {"auc": 0.5},
            "rows": [{"temp": 1.0}],
            "trust_code": False,
            **about,
        },
        "describe_model": {"name": "late", "version": 1},
        "deploy": {"name": "late", "table": "scores", "on_error": "reject", **of_set},
        "attach": {
            "name": "late",
            "table": "trips",
            "predictions": "trips_scored_late",
            "inputs": {},
            "columns": False,
            "backfill": False,
            "on_update": ["inputs"],
            "on_error": "reject",
            "progress": None,
            **of_set,
        },
        "set_stage": {"model": "late", "version": 1, "stage": "production"},
        "stages": {"model": "late"},
        "costs": {"table": "scores", "since": AT},
        "deployment": {"table": "scores"},
        "search": {"text": "weather"},
        "describe": {"name": "weather", "kind": "feature set"},
        **{
            kind: {}
            for kind in ("feature_sets", "expressions", "training_views", "training_sets", "models", "deployments")
        },
        "status": {},
        "run": {"schedule": "daily", "since": AT, "until": AT + timedelta(days=1)},
        "schedules": {},
        "runs": {"schedule": "daily", "most": 10},
        "pause_schedule": {"schedule": "daily"},
        "resume_schedule": {"schedule": "daily"},
        "grant": {"role": "reader", "to": "pg_monitor", "on": []},
        "revoke": {"role": "reader", "users": "pg_monitor", "on": []},
        "roles": {},
        "audit": {"object": "weather", "operation": "apply", "since": AT, "most": 10},
        "name_roles": {"prefix": "fsdb_"},
        "missing_roles": {},
    }
    alone: dict[str, dict[str, Any]] = {
        "repair": {"feature_set": "weather", "source": None, "confirm": None, "dated_after": AT, "why": "a clock"},
        "erase": {"feature_set": "weather", "keys": [{"origin": "nowhere"}], "why": "asked", "dry_run": True},
        "resume_erasures": {"feature_sets": ["weather"]},
        "sync": {"feature_sets": ["weather"], "progress": None},
        "retain": {"feature_set": "weather"},
    }
    deployment_calls: dict[str, dict[str, Any]] = {
        "score": {"data": "SELECT 'A' AS origin", "on_error": "reject", "record": False},
        "lineage": {"prediction_id": 1},
        "replay": {"limit": 10},
        "canary": {"version": 2, "share": 0.5, "by": ["origin"], "runtime": "auto"},
        "stop_canary": {},
        "promote_canary": {},
        "shadow": {"version": 2, "runtime": "auto"},
        "stop_shadow": {"drop_predictions": True},
        "promote_shadow": {},
        "compare": {"labels": "labels", "label": "y", "id_column": "prediction_id"},
        "costs": {"since": AT},
        "rollback": {},
        "undeploy": {"drop_predictions": True},
        "events": {},
    }
    built_calls: dict[str, dict[str, Any]] = {
        "to_arrow": {},
        "to_pandas": {},
        "to_polars": {},
        "to_batches": {},
        "to_parquet": {"path": "rows.parquet"},
        "explain": {},
        "save": {"name": "another"},
    }
    saved_calls: dict[str, dict[str, Any]] = {
        "rebuild": {"engine": "postgres"},
        "verify": {"engine": "postgres"},
    }
    return [
        *(Call(f"Store.{name}", getattr(store, name), given) for name, given in store_calls.items()),
        *(Call(f"Store.{name}", getattr(store, name), given, alone=True) for name, given in alone.items()),
        *(Call(f"Deployment.{name}", getattr(deployed, name), given) for name, given in deployment_calls.items()),
        *(Call(f"TrainingSet.{name}", getattr(built, name), given) for name, given in built_calls.items()),
        *(Call(f"SavedTrainingSet.{name}", getattr(saved, name), given) for name, given in saved_calls.items()),
        Call("SavedTrainingSet.delete", spare.delete, {}),
    ]
