"""Feature sets of handmade cases, the same in every state of the copy, and the check that an engine reads them as brute force does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import psycopg
import pyarrow as pa

from fsdb.definitions import Feature, FeatureSet
from fsdb.training import TrainingSet, build
from tests.conftest import TestDatabase
from tests.engines.states import fill
from tests.oracle import Version
from tests.training.made import made_set
from tests.training.oracle import History, expected, late_values, matched_rows

T = datetime(2013, 7, 1, 12, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
FAR = datetime(9999, 12, 30, tzinfo=UTC)
OLD = datetime(1, 1, 2, tzinfo=UTC)
INSTANT = pa.timestamp("us", "UTC")
HOT_VERSIONS = 400

WEATHER = FeatureSet(
    "weather", {"origin": "text"}, [Feature("temp", "double precision"), Feature("gusts", "integer", default=0)], max_age="6 hours"
)  # fmt: skip
PAIRS = FeatureSet(
    "pairs", {"a": "smallint", "b": "bigint"}, [Feature("sum", "numeric(22,3)"), Feature("word", "text")]
)
WORDS = FeatureSet(
    "words", {"origin": "text", "word": "character varying(9)"}, [Feature("joined", "text", default="-")]
)
NOTHING = FeatureSet(
    "nothing", {"origin": "text"}, [Feature("never", "real", default=1.5), Feature("vector", "real[]")]
)
HOT = FeatureSet("hot", {"b": "bigint"}, [Feature("level", "bigint")])


def _weather() -> list[Version]:
    rows = [
        ("JFK", 39.5, None, T - HOUR, T),
        ("JFK", 40.5, None, T - HOUR, T + HOUR),  # a tie, recorded late
        ("LGA", 41.0, 3, T - 6 * HOUR, T - HOUR),  # at the edge of max_age
        ("EWR", 42.0, 3, T - 3 * HOUR, T),
        ("EWR", None, None, T - 2 * HOUR, T),  # a tombstone
        ("OLD", 1.0, 1, OLD, OLD),
        ("FAR", 2.0, None, FAR, T),
        ("PRE", float("nan"), -5, datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), T),
        ("", 3.0, 0, T - 2 * TICK, T - TICK),
        ("é🎈", 4.0, None, T, T + 4 * HOUR),
        ("JFK", 38.5, 7, T - 5 * HOUR, T + 2 * HOUR),  # late, and not the latest
        ("EWR", 43.0, 4, T + HOUR, T + HOUR),  # back after its tombstone
    ]
    return [
        Version(n, (key,), {"temp": temp, "gusts": gusts}, at, learned, deleted=n == 5)
        for n, (key, temp, gusts, at, learned) in enumerate(rows, 1)
    ]


def _pairs() -> list[Version]:
    """Keys that are the same text when they are joined."""
    keys = [(1, 11), (11, 1), (1, 1), (111, 11), (11, 111), (-1, 2**53 + 1), (-1, 2**53)]
    return [
        Version(n, key, {"sum": sum(key), "word": f"{key}"}, T - (n % 3) * HOUR, T)
        for n, key in enumerate([*keys, *keys[::-1]], 1)
    ]


def _words() -> list[Version]:
    keys = [("a", "b,c"), ("a,b", "c"), ("", "ab"), ("a", "b"), ("ab", ""), ('a"', "b"), ("a", '"b')]
    return [Version(n, key, {"joined": "|".join(key) if n % 4 else None}, T - HOUR, T) for n, key in enumerate(keys, 1)]


def _hot() -> list[Version]:
    """One key of many versions among others, some recorded late, with ties and tombstones."""
    hot = [
        Version(n, (7,), {} if n % 50 == 0 else {"level": n}, T + (n * 37 % HOT_VERSIONS // 2) * HOUR, T + (n * 61 % 900) * HOUR, n % 50 == 0)
        for n in range(1, HOT_VERSIONS + 1)
    ]  # fmt: skip
    return [*hot, *(Version(HOT_VERSIONS + n, (n,), {"level": -n}, T, T) for n in (1, 2, 3))]


@dataclass(frozen=True)
class World:
    """A database with the sets in one state of the copy."""

    database: TestDatabase
    versions: Mapping[str, Sequence[Version]]

    def history(self, definition: FeatureSet, *features: str) -> History:
        """What brute force reads of these features, whose output names are their own."""
        defaults = {f.name: f.default for f in definition.features if f.default is not None}
        return History(
            tuple(definition.keys),
            {name: name for name in features},
            self.versions[definition.name],
            definition.max_age,
            defaults,
        )


def versions() -> dict[str, list[Version]]:
    """What history holds of each set."""
    return {"weather": _weather(), "pairs": _pairs(), "words": _words(), "nothing": [], "hot": _hot()}


def make(database: TestDatabase, state: str) -> World:
    """Makes the sets, with copies in that state."""
    made = versions()
    with database.connect() as connection:
        sets = [made_set(connection, one) for one in (WEATHER, PAIRS, WORDS, NOTHING, HOT)]
        fill(database, connection, [(one, made[one.name]) for one in sets], state)
    return World(database, made)


def check(
    connection: psycopg.Connection,
    engine: str,
    spine: pa.Table,
    histories: Sequence[History],
    references: Sequence[str],
    known: str | datetime = "now",
) -> TrainingSet:
    """The training set of an engine, which is what brute force finds."""
    built = build(connection, spine=spine, features=references, timestamp="at", known=known, engine=engine)
    rows = spine.to_pylist()
    wanted = expected(rows, "at", histories, known)
    assert [one.matched for one in built.coverage] == matched_rows(rows, "at", histories, known)
    assert plain(built.to_arrow().to_pylist()) == plain(wanted)
    assert built.engine == engine
    if known == "now":
        assert built.late_values == late_values(rows, "at", histories)
    return built


def plain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in which a NaN equals another."""
    return [{k: "NaN" if isinstance(v, float) and isnan(v) else v for k, v in row.items()} for row in rows]


def instants(*moments: datetime) -> pa.Array:
    """Moments as a column of a spine."""
    return pa.array(moments, INSTANT)
