"""fsdb list and describe, store.feature_sets() and its like: everything that search finds, by kind."""

import json
from collections.abc import Iterator

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.catalog.search import KINDS
from fsdb.cli.app import main
from fsdb.errors import UnknownName
from tests.conftest import TestDatabase

LISTS = ("feature-sets", "expressions", "training-views", "training-sets", "models", "deployments", "schedules")


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url) as store:
        weather = fsdb.FeatureSet(
            "weather",
            keys={"origin": "text"},
            features=[fsdb.Feature("temp", "double precision", "Degrees", tags=["air"])],
            max_age="6 hours",
            owner="us",
        )
        spine = "SELECT 'A'::text AS origin, now() AS at, 1.0::float8 AS y"
        view = fsdb.TrainingView("noon", spine=spine, timestamp="at", features=["weather.temp"], label="y")
        warm = fsdb.Expression("warm", "weather.temp > 20::float8")
        store.apply([weather, view, warm, fsdb.Schedule("nightly", "sync", "0 3 * * *")])
        store.ingest("weather", "SELECT 'A' AS origin, 1.5::float8 AS temp")
        built = store.training_set("noon", known="now")
        built.save("kept")
        model = LinearRegression().fit(pd.DataFrame({"temp": [1.0, 2.0]}), [1.0, 2.0])
        store.register_model("late", model, training_set=store.load_training_set("kept"), description="how late")
        store.set_stage("late", 1, "production")
        store.deploy("late", table="late")
        yield store


def test_each_list_names_what_there_is(store: fsdb.Store, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = store.feature_sets().to_dicts()
    assert (one["name"], one["keys"], one["features"], one["table"]) == ("weather", ["origin"], 1, "public.weather")
    assert (one["max_age"], one["tracked"], one["owner"]) == (6 * 3600, False, "us")
    (view,) = store.training_views().to_dicts()
    assert (view["name"], view["features"], view["label"]) == ("noon", ["weather.temp"], "y")
    (saved,) = store.training_sets().to_dicts()
    assert (saved["name"], saved["view"], saved["rows"], saved["features"]) == ("kept", "noon", 1, 1)
    assert saved["models"] == ["late 1"]
    (model,) = store.models().to_dicts()
    assert (model["newest"], model["production"], model["deployed"]) == (1, 1, ["late"])
    (deployed,) = store.deployments().to_dicts()
    assert (deployed["name"], deployed["model"], deployed["version"], deployed["canary"]) == ("late", "late", 1, None)
    for kind in LISTS:
        assert main(["list", kind, "--json", "--url", store.url]) == 0
        assert json.loads(capsys.readouterr().out) == getattr(store, kind.replace("-", "_"))().to_dicts()
    assert main(["list", "--json", "--url", store.url]) == 0
    assert json.loads(capsys.readouterr().out) == [{"kind": kind, "registered": 1} for kind in LISTS]
    assert main(["list", "wagons", "--url", store.url]) == 1
    assert "no list of 'wagons'" in capsys.readouterr().err


def test_everything_that_search_finds_is_described(store: fsdb.Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = store.search().to_dicts()
    assert {row["kind"] for row in found} == set(KINDS)
    for row in found:
        table = store.describe(row["name"], row["kind"])
        assert (table.title or "").lower().startswith(f"{row['kind']} {row['name']}")
        assert len(table) > 0
        asked = ["describe", row["name"], "--kind", row["kind"], "--json", "--url", store.url]
        assert main(asked) == 0
        assert json.loads(capsys.readouterr().out) == table.to_dicts()
    assert [row["name"] for row in store.describe("weather.temp")] == ["temp"]
    assert [(row["name"], row["feature"]) for row in store.describe("kept")][-1] == ("temp", "weather.temp")
    assert [row["feature"] for row in store.describe("late", kind="deployment")] == ["weather.temp"]
    assert (store.describe("late").title or "").endswith(", and a deployment of that name")


def test_what_is_not_there(store: fsdb.Store) -> None:
    with pytest.raises(UnknownName, match=r"no deployment 'weather'\. Search finds: weather"):
        store.describe("weather", kind="deployment")
    with pytest.raises(UnknownName, match="no kind 'table'"):
        store.describe("weather", kind="table")
    with pytest.raises(UnknownName, match="no feature set, feature, model or other object 'wether'"):
        store.describe("wether")
