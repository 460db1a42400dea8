"""What a training set says of rows for which a feature set has nothing."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd
import pytest

import fsdb
from fsdb.engines.postgres import pieces
from fsdb.training import TrainingSet
from tests.conftest import TestDatabase

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
HOUSEHOLD = fsdb.FeatureSet(
    "household", {"id": "bigint"}, [fsdb.Feature("age", "bigint"), fsdb.Feature("rooms", "integer", default=3)]
)
WEATHER = fsdb.FeatureSet("weather", {"id": "bigint"}, [fsdb.Feature("temp", "real")], max_age="1 day")
EMPTY = fsdb.FeatureSet("empty", {"id": "bigint"}, [fsdb.Feature("nothing", "real")])
SPINE = pd.DataFrame({"id": [1, 2, 3], "at": [pd.Timestamp(LONG_AGO)] * 3})
ENGINES = ("postgres", "duckdb")


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    """Households written today, the weather of then for one of three places, and a set without rows."""
    with fsdb.connect(module_database.url) as opened:
        opened.apply([HOUSEHOLD, WEATHER, EMPTY])
        opened.ingest("household", pd.DataFrame({"id": [1, 2], "age": [30, 40], "rooms": [5, 6]}))
        opened.ingest("weather", pd.DataFrame({"id": [1], "temp": [7.0], "event_time": [LONG_AGO]}))
        yield opened


def built(store: fsdb.Store, *features: str, **asked: object) -> tuple[TrainingSet, list[str]]:
    """A training set, with what was warned of: that a set matched nothing, or late values."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = store.training_set(spine=SPINE, features=features, timestamp="at", **asked)  # type: ignore[arg-type]
    return made, [one.category.__name__ for one in caught]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_static_set_of_today_in_the_past(store: fsdb.Store, engine: str) -> None:
    made, warned = built(store, "household.age", "household.rooms", "weather.temp", engine=engine)
    assert made.to_pandas()["rooms"].tolist() == [3, 3, 3]
    assert warned == ["LateValues", "NothingMatched"]
    year = datetime.now(UTC).year
    assert made.notice is not None
    assert f"household matched none of 3 rows: its earliest version is of {year}-" in made.notice
    assert "after the spine's latest at, 2024-01-01 00:00:00 UTC" in made.notice
    assert "weather matched 1 of 3 rows (33 %)." in made.notice
    sets = [(row["feature_set"], row["rows_matched"], row["share_matched"]) for row in made.explain().sets.to_dicts()]
    assert sets == [("household", 0, 0.0), ("weather", 1, 0.333)]
    features = [(row["feature"], row["nulls"], row["share_null"]) for row in made.explain().features.to_dicts()]
    assert features == [("age", 3, 1.0), ("rooms", 0, 0.0), ("temp", 2, 0.667)]
    for shown in (repr(made), made._repr_html_(), repr(made.explain()), str(made.explain().to_dict())):
        assert "household matched none of 3 rows" in shown


def test_an_explicit_now_is_silent(store: fsdb.Store) -> None:
    made, warned = built(store, "household.age", "weather.temp", known="now")
    assert warned == []
    assert made.notice is not None


def test_what_it_may_be(store: fsdb.Store) -> None:
    assert "empty matched none of 3 rows: it has no version" in (built(store, "empty.nothing")[0].notice or "")
    made, warned = built(store, "weather.temp", known="then")
    assert warned == ["NothingMatched"]
    assert "recorded later than known= allows" in (made.notice or "")
    later = SPINE.assign(at=SPINE["at"] + pd.Timedelta("2 days"))
    with pytest.warns(fsdb.NothingMatched, match="older than its max_age of 1 day"):
        store.training_set(spine=later, features=["weather.temp"], timestamp="at", known="then")
    with pytest.warns(fsdb.NothingMatched, match="the spine's keys have other values"):
        store.training_set(spine=later.assign(id=[7, 8, 9]), features=["weather.temp"], timestamp="at")


def test_nothing_to_say(store: fsdb.Store) -> None:
    spine = pd.DataFrame({"id": [1, 2], "at": [pd.Timestamp.now(tz="UTC")] * 2})
    made = store.training_set(spine=spine, features=["household.age"], timestamp="at")
    assert made.notice is None
    assert "notice" not in repr(made)
    none = store.training_set(spine=spine.iloc[:0], features=["household.age"], timestamp="at")
    assert none.notice is None
    assert none.coverage[0].share is None


def test_a_static_table_is_ingested_as_of_before(store: fsdb.Store) -> None:
    """What the warning advises."""
    since = pd.Timestamp("1900-01-01", tz="UTC")
    store.apply([fsdb.FeatureSet("place", {"id": "bigint"}, [fsdb.Feature("name", "text")])])
    names = pd.DataFrame({"id": [1, 2, 3], "name": ["a", "b", "c"]})
    store.ingest("place", names)
    with pytest.warns(fsdb.NothingMatched):
        store.training_set(spine=SPINE, features=["place.name"], timestamp="at")
    store.ingest("place", names.assign(event_time=since))
    made, warned = built(store, "place.name", known="now")
    assert (made.to_pandas()["name"].tolist(), warned, made.coverage[0].matched) == (["a", "b", "c"], [], 3)


def test_more_sets_than_one_query_joins(store: fsdb.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each set's count is its own, in whichever query it is read."""
    monkeypatch.setattr(pieces, "MOST_READS", 2)
    made, _ = built(store, "empty.nothing", "household.age", "weather.temp", engine="postgres")
    assert [(one.feature_set, one.matched) for one in made.coverage] == [("empty", 0), ("household", 0), ("weather", 1)]
    assert made.late_values == 1
