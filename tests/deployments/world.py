"""Two feature sets with every shape of history, and models fitted on columns like theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet
from tests.oracle import Version, values_as_of
from tests.training.made import made_set, put

HOUR = timedelta(hours=1)
WEATHER = FeatureSet(
    "weather", {"origin": "text"}, (Feature("temp", "real"), Feature("wind", "integer", default=3)), max_age=6 * HOUR
)
PLANE = FeatureSet(
    "plane",
    {"carrier": "varchar(2)", "tailnum": "integer"},
    (Feature("age", "numeric(6,2)"), Feature("kind", "text", default="jet"), Feature("old", "boolean")),
)
# What a model's inputs are bound to; distance and kind_of_day come with the row.
INPUTS = {
    "temp": "weather.temp",
    "wind": "weather.wind",
    "age": "plane.age",
    "kind": "plane.kind",
    "old": "plane.old",
    "distance": "double precision",
    "hour": "integer",
}
FEATURES = {"weather": ("temp", "wind"), "plane": ("age", "kind", "old")}
DEFAULTS = {"wind": 3, "kind": "jet"}


@dataclass
class World:
    """The sets' versions as the tests wrote them."""

    connection: psycopg.Connection
    versions: dict[str, list[Version]]

    def write(self, feature_set: str, key: tuple[Any, ...], at: datetime, **values: Any) -> int:
        """Writes a version, a tombstone where no values are given, and returns its version_id."""
        named = {name: values.get(name) for name in FEATURES[feature_set]}
        number = 1 + max((v.version_id for v in self.versions[feature_set]), default=0)
        version = Version(number, key, named, at, datetime.now(UTC), deleted=not values)
        put(self.connection, get_set(self.connection, feature_set), [version])
        self.versions[feature_set].append(version)
        return number

    def given(self, row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """What a model is given for a request at a moment, by brute force."""
        return {
            **values_as_of(
                self.versions["weather"],
                (row["origin"],),
                at,
                FEATURES["weather"],
                max_age=6 * HOUR,
                defaults=DEFAULTS,
            ),
            **values_as_of(
                self.versions["plane"], (row["carrier"], row["tailnum"]), at, FEATURES["plane"], defaults=DEFAULTS
            ),
            "distance": row["distance"],
            "hour": row["hour"],
        }


def make_world(connection: psycopg.Connection) -> World:
    """Both sets with some versions: fresh, old, deleted, revised, in the future, and keys that join up to the same text."""
    made_set(connection, WEATHER)
    made_set(connection, PLANE)
    world = World(connection, {"weather": [], "plane": []})
    now = datetime.now(UTC)
    world.write("weather", ("JFK",), now - 3 * HOUR, temp=0.1, wind=12)
    world.write("weather", ("JFK",), now - 2 * HOUR, temp=51.5, wind=None)
    world.write("weather", ("LGA",), now - 7 * HOUR, temp=70.25, wind=5)  # older than max_age
    world.write("weather", ("EWR",), now - 3 * HOUR, temp=33.0, wind=20)
    world.write("weather", ("EWR",), now - HOUR)  # deleted
    world.write("weather", ("BOS",), now - 4 * HOUR, temp=20.0, wind=9)
    world.write("weather", ("BOS",), now - 4 * HOUR, temp=21.0, wind=8)  # the same moment, corrected
    world.write("weather", ("BOS",), now + 24 * HOUR, temp=99.0, wind=99)  # not yet
    world.write("plane", ("1", 11), now - HOUR, age=3.25, kind="prop", old=False)
    world.write("plane", ("11", 1), now - HOUR, age=30.5, kind="jet", old=True)
    world.write("plane", ("UA", 7), now - 1000 * HOUR, age=None, kind=None, old=None)
    return world


ORIGINS = ("JFK", "LGA", "EWR", "BOS", "nowhere", None)
PLANES = (("1", 11), ("11", 1), ("UA", 7), ("UA", 8), (None, 11), ("1", None))


def requests() -> list[dict[str, Any]]:
    """Every origin with every plane, with request inputs of all kinds."""
    distances = (0.5, -3.0, None, 1400.0, 1e-300)
    return [
        {"origin": o, "carrier": c, "tailnum": t, "distance": distances[(i + j) % 5], "hour": (7 * i + j) % 24}
        for i, o in enumerate(ORIGINS)
        for j, (c, t) in enumerate(PLANES)
    ]


def frame(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Data to fit on: the inputs' columns with gaps, as a training set would have them."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "temp": rng.normal(40, 20, rows).astype(np.float32).astype(float),
            "wind": rng.integers(0, 25, rows).astype(float),
            "age": rng.uniform(0, 35, rows).round(2),
            "kind": rng.choice(["jet", "prop", "glider"], rows),
            "old": rng.integers(0, 2, rows).astype(float),
            "distance": rng.normal(800, 500, rows),
            "hour": rng.integers(0, 24, rows).astype(float),
        }
    )
    for name in ("temp", "wind", "age", "old", "distance"):
        data.loc[rng.random(rows) < 0.1, name] = np.nan
    return data


def score_of(data: pd.DataFrame) -> pd.Series:
    """A number that depends on every column."""
    filled = data.fillna({"temp": 30.0, "wind": 5.0, "age": 10.0, "old": 0.0, "distance": 500.0})
    return (
        filled.temp / 20
        + filled.wind / 5
        - filled.age / 10
        + (filled.kind == "prop") * 2
        + filled.old
        + filled.distance / 700
        - filled.hour / 12
    )


def _numbers() -> list[str]:
    return ["temp", "wind", "age", "old", "distance", "hour"]


@cache
def gradient_boosted(rows: int = 400, seed: int = 0) -> Any:
    """Binary, takes NULL."""
    data = frame(rows, seed)
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["kind"]), remainder="passthrough"
    )
    return make_pipeline(encode, HistGradientBoostingClassifier(max_iter=12)).fit(data, score_of(data) > 3)


@cache
def three_classes(rows: int = 400, seed: int = 0) -> Any:
    """Three text classes, with gaps filled."""
    data = frame(rows, seed)
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), _numbers()),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    )
    label = pd.cut(score_of(data), [-np.inf, 2, 4, np.inf], labels=["low", "middle", "high"]).astype(str)
    return make_pipeline(prepare, GradientBoostingClassifier(n_estimators=6)).fit(data, label)


@cache
def forest(rows: int = 400, seed: int = 0) -> Any:
    """A regression."""
    data = frame(rows, seed)
    prepare = make_column_transformer(
        (SimpleImputer(strategy="median"), _numbers()), (OneHotEncoder(handle_unknown="ignore"), ["kind"])
    )
    return make_pipeline(prepare, RandomForestRegressor(8, max_depth=6)).fit(data, score_of(data))


@cache
def strict(rows: int = 400, seed: int = 0) -> Any:
    """Takes neither NULL nor an unknown kind."""
    data = frame(rows, seed)
    prepare = make_column_transformer((StandardScaler(), _numbers()), (OneHotEncoder(), ["kind"]))
    whole = data.dropna()
    return make_pipeline(prepare, LogisticRegression()).fit(whole, score_of(whole) > 3)
