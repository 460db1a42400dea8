"""Training sets of handmade cases: the rows, the kinds of spine, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pytest

from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import FsdbError, InvalidData, InvalidDefinition, UnknownName
from fsdb.training import build
from tests.conftest import TestDatabase
from tests.oracle import Version
from tests.training.made import made_set, put

T = datetime(2013, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEATHER = FeatureSet(
    "weather",
    {"origin": "text"},
    [Feature("temp", "double precision"), Feature("gusts", "integer", default=0)],
    max_age="6 hours",
)
CARRIER = FeatureSet(
    "shop.carrier", {"carrier": "text", "origin": "text"}, [Feature("delay", "real"), Feature("temp", "numeric")]
)
SPINE = """SELECT * FROM (VALUES
    (1, 'JFK', 'AA', '2013-07-01 12:00+00'::timestamptz, true),
    (2, 'LGA', 'AA', '2013-07-01 12:00+00', false),
    (2, 'JFK', NULL, '2013-07-01 11:00+00', NULL)
) AS f (n, origin, carrier, at, late)"""


@pytest.fixture(scope="module")
def filled(module_database: TestDatabase) -> TestDatabase:
    """Weather with a tie at T - 1 h and a deletion, and a set of two keys in a schema."""
    with module_database.connect() as connection:
        _fill(connection)
    return module_database


@pytest.fixture
def sets(filled: TestDatabase) -> Iterator[psycopg.Connection]:
    """The sets, with what a test changes rolled back."""
    with filled.connect() as connection, connection.transaction(force_rollback=True):
        yield connection


def _fill(connection: psycopg.Connection) -> None:
    put(
        connection,
        made_set(connection, WEATHER),
        [
            Version(1, ("JFK",), {"temp": 39.5, "gusts": None}, T - HOUR, T),
            Version(2, ("JFK",), {"temp": 40.5, "gusts": None}, T - HOUR, T + HOUR),
            Version(3, ("LGA",), {"temp": 41.0, "gusts": 3}, T - 6 * HOUR, T - HOUR),
            Version(4, ("EWR",), {"temp": 42.0, "gusts": 3}, T - 3 * HOUR, T),
            Version(5, ("EWR",), {}, T - 2 * HOUR, T, deleted=True),
        ],
    )
    put(
        connection,
        made_set(connection, CARRIER),
        [Version(1, ("AA", "JFK"), {"delay": 1.5, "temp": Decimal("1.50")}, T - timedelta(days=400), T - HOUR)],
    )


def test_the_rows_of_a_query(sets: psycopg.Connection) -> None:
    built = build(
        sets,
        spine=SPINE,
        features=["weather.temp", "weather.gusts", "shop.carrier.delay"],
        timestamp="at",
        label="late",
    )
    assert built.to_arrow().to_pylist() == [
        {"n": 1, "origin": "JFK", "carrier": "AA", "at": T, "late": True, "temp": 40.5, "gusts": 0, "delay": 1.5},
        {"n": 2, "origin": "LGA", "carrier": "AA", "at": T, "late": False, "temp": 41.0, "gusts": 3, "delay": None},
        {
            "n": 2,
            "origin": "JFK",
            "carrier": None,
            "at": T - HOUR,
            "late": None,
            "temp": 40.5,
            "gusts": 0,
            "delay": None,
        },
    ]
    assert (built.label, built.timestamp, built.features, built.num_rows) == (
        "late",
        "at",
        ("temp", "gusts", "delay"),
        3,
    )
    assert [column.type for column in built.columns] == [
        "integer", "text", "text", "timestamp with time zone", "boolean", "double precision", "integer", "real",
    ]  # fmt: skip
    assert built.late_values == 4
    assert built.notice is not None
    assert "4 of 9 feature values" in built.notice
    assert "Index" in built.plan or "Seq Scan" in built.plan


def test_known(sets: psycopg.Connection) -> None:
    def temps(known: str | datetime) -> list[float | None]:
        built = build(sets, spine=SPINE, features=["weather.temp"], timestamp="at", known=known)
        return built.to_arrow()["temp"].to_pylist()

    assert temps("now") == [40.5, 41.0, 40.5]
    assert temps("then") == [39.5, 41.0, None]
    assert temps(T) == [39.5, 41.0, 39.5]
    assert temps(T - timedelta(minutes=1)) == [None, 41.0, None]


def test_max_age_includes_its_edge(sets: psycopg.Connection) -> None:
    spine = pa.table({"origin": ["LGA", "LGA"], "at": [T, T + timedelta(microseconds=1)]})
    assert build(sets, spine=spine, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist() == [
        41.0,
        None,
    ]


def test_max_age_does_not_follow_the_clock_changes_of_the_session(sets: psycopg.Connection) -> None:
    sets.execute("UPDATE fsdb.feature_sets SET max_age = make_interval(secs => 86400) WHERE name = 'weather'")
    sets.execute("SET timezone = 'America/New_York'")
    edge = datetime(2013, 3, 10, 12, tzinfo=UTC)  # New York has a day of 23 hours
    sets.execute(
        "INSERT INTO fsdb_history.weather (origin, temp, event_time) VALUES ('SFO', 1, %s)",
        [edge - timedelta(days=1)],
    )
    spine = pa.table({"origin": ["SFO", "SFO"], "at": [edge, edge + timedelta(microseconds=1)]})
    assert build(sets, spine=spine, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist() == [
        1.0,
        None,
    ]


def test_shared_names_and_order(sets: psycopg.Connection) -> None:
    built = build(sets, spine=SPINE, features=["shop.carrier.temp", "weather.gusts", "weather.temp"], timestamp="at")
    assert built.to_arrow().column_names[5:] == ["shop__carrier__temp", "gusts", "weather__temp"]
    assert built.to_arrow()["shop__carrier__temp"].to_pylist() == ["1.50", None, None]


def test_frames_of_each_kind_give_the_same_rows(sets: psycopg.Connection) -> None:
    arrow = pa.table({"n": [3, 1, 2], "origin": ["EWR", None, "JFK"], "at": [T, T, T + HOUR]})
    wanted = [*zip([3, 1, 2], [None, None, 40.5], [0, 0, 0], strict=True)]
    for frame in (arrow, arrow.to_pandas(), pl.from_arrow(arrow), arrow.to_pandas().set_index("n", drop=False)):
        table = build(sets, spine=frame, features=["weather.temp", "weather.gusts"], timestamp="at").to_arrow()
        assert [*zip(*(table[c].to_pylist() for c in ("n", "temp", "gusts")), strict=True)] == wanted
        assert table["at"].type == pa.timestamp("us", "UTC")


def test_an_empty_spine(sets: psycopg.Connection) -> None:
    built = build(sets, spine=f"{SPINE} WHERE false", features=["weather.temp"], timestamp="at")
    assert built.num_rows == 0
    assert built.to_arrow().column_names == ["n", "origin", "carrier", "at", "late", "temp"]
    assert len(built.content_hash) == 64


def test_time_zones_of_naive_times(sets: psycopg.Connection) -> None:
    naive = [datetime(2013, 7, 1, 7, 59), datetime(2013, 7, 1, 6, 59)]
    frame = pd.DataFrame({"origin": ["JFK", "JFK"], "at": naive})
    query = "SELECT 'JFK' AS origin, at FROM (VALUES ('2013-07-01 07:59'::timestamp), ('2013-07-01 06:59')) AS f (at)"
    for spine in (frame, query):
        built = build(
            sets, spine=spine, features=["weather.temp"], timestamp="at", timezone="America/New_York"
        ).to_arrow()
        assert built["at"].to_pylist() == [T - timedelta(minutes=1), T - timedelta(minutes=61)]
        assert built["temp"].to_pylist() == [40.5, None]
        with pytest.raises(InvalidData, match="'at' is naive"):
            build(sets, spine=spine, features=["weather.temp"], timestamp="at")
        with pytest.raises(UnknownName, match="no time zone 'Mars/Phobos'"):
            build(sets, spine=spine, features=["weather.temp"], timestamp="at", timezone="Mars/Phobos")


def test_odd_column_names_and_statement_ends(sets: psycopg.Connection) -> None:
    spine = f"""SELECT 'JFK' AS origin, '{T}'::timestamptz AS "at ""{{}}'; %s ü", 1 AS ordinal, '100%' AS "%" ; """
    built = build(sets, spine=spine, features=["weather.temp"], timestamp="at \"{}'; %s ü").to_arrow()
    assert built.column_names == ["origin", "at \"{}'; %s ü", "ordinal", "%", "temp"]
    assert built["temp"].to_pylist() == [40.5]


def test_history_as_spine(sets: psycopg.Connection) -> None:
    rows = build(sets, features=["weather.temp", "weather.gusts"]).to_arrow().to_pylist()
    assert rows == [
        {"origin": "LGA", "event_time": T - 6 * HOUR, "temp": 41.0, "gusts": 3},
        {"origin": "EWR", "event_time": T - 3 * HOUR, "temp": 42.0, "gusts": 3},
        {"origin": "JFK", "event_time": T - HOUR, "temp": 40.5, "gusts": 0},
    ]


def test_current_values_as_spine(sets: psycopg.Connection) -> None:
    before = datetime.now(UTC)
    rows = build(sets, features=["weather.temp", "weather.gusts"], values="current").to_arrow().to_pylist()
    assert [(row["origin"], row["temp"], row["gusts"]) for row in rows] == [("JFK", None, 0), ("LGA", None, 0)]
    assert all(before <= row["event_time"] <= datetime.now(UTC) for row in rows)
    rows = build(sets, features=["shop.carrier.delay"], values="current").to_arrow().to_pylist()
    assert [(row["carrier"], row["origin"], row["delay"]) for row in rows] == [("AA", "JFK", 1.5)]


AT = f"'{T}'::timestamptz AS at"


@pytest.mark.parametrize(
    ("spine", "options", "error", "words"),
    [
        (f"SELECT 'JFK' AS origin, {AT}", {"features": ["weather.tmp"]}, UnknownName, "Did you mean temp"),
        (f"SELECT 'JFK' AS origin, {AT}", {"features": []}, InvalidDefinition, "No features"),
        (f"SELECT 'JFK' AS dest, {AT}", {}, InvalidDefinition, "no column 'origin', which is a key of weather"),
        (f"SELECT 5 AS origin, {AT}", {}, InvalidData, "'origin' is of type integer, but the key of weather is of type text"),
        (f"SELECT 'JFK' AS origin, 1 AS temp, {AT}", {}, InvalidDefinition, "column 'temp' has the name of feature"),
        (f"SELECT 'JFK' AS origin, 1 AS a, 2 AS a, {AT}", {}, InvalidDefinition, "two columns named 'a'"),
        (f"SELECT 'JFK' AS origin, {AT}", {"timestamp": "when"}, InvalidDefinition, "no column 'when'"),
        (f"SELECT 'JFK' AS origin, {AT}", {"timestamp": None}, InvalidDefinition, "Which of the spine's columns"),
        (f"SELECT 'JFK' AS origin, {AT}", {"label": "late"}, InvalidDefinition, "no column 'late', which you named as the label"),
        (f"SELECT 'JFK' AS origin, {AT}", {"known": datetime(2013, 1, 1)}, InvalidData, "no time zone"),
        (f"SELECT 'JFK' AS origin, {AT}", {"known": date(2013, 1, 1)}, InvalidData, "is not a moment"),
        (f"SELECT 'JFK' AS origin, {AT}", {"known": "delays"}, UnknownName, "no saved training set 'delays'"),
        (f"SELECT 'JFK' AS origin, {AT}", {"engine": "oracle"}, UnknownName, "no engine 'oracle'"),
        ("SELECT 'JFK' AS origin, '2013-01-01'::date AS at", {}, InvalidData, "'at' is a date"),
        ("SELECT 'JFK' AS origin, 5 AS at", {}, InvalidData, "'at' is of type integer"),
        ("SELECT 'JFK' AS origin, NULL::timestamptz AS at FROM generate_series(1, 3)", {}, InvalidData, "holds 3 NULL times in 3 rows"),
        ("SELECT 'JFK' AS origin, 'infinity'::timestamptz AS at", {}, InvalidData, "1 infinite time"),
        ("SELEC", {}, InvalidDefinition, "does not run"),
        ("SELECT 1) AS x; DROP TABLE fsdb.features; --", {}, InvalidDefinition, "does not run"),
        ("DELETE FROM fsdb.features RETURNING 1", {}, InvalidDefinition, "does not run"),
        ("SELECT 'JFK' AS origin, now() AS at, 1 / g AS n FROM generate_series(0, 1) AS g", {}, InvalidData, "division by zero"),
        (5, {}, InvalidData, "int cannot be the spine"),
        (None, {}, InvalidDefinition, "give spine="),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, InvalidData, "two columns named 'a'"),
        (pd.DataFrame({"origin": [1.5, "x"], "at": [T, T]}), {}, InvalidData, "holds 'x', of type str, in row 1"),
        (pa.table({"origin": ["a\0b"], "at": [T]}), {}, InvalidData, "does not take"),
        (pa.table({"origin": ["a"], "at": [T], "s": [{"x": 1}]}), {}, InvalidData, "'s' is of type struct"),
        (pa.table({"origin": ["a"], "at": pa.array([1], pa.timestamp("ns", "UTC"))}), {}, InvalidData, "nanoseconds"),
        (pa.table({"origin": pa.array([1.0]), "at": [T]}), {}, InvalidData, "type double precision, and the training set takes it as text"),
    ],
)  # fmt: skip
def test_bad_input(sets: psycopg.Connection, spine: object, options: dict, error: type[FsdbError], words: str) -> None:
    with sets.transaction():
        with pytest.raises(error, match=words):
            build(sets, **{"spine": spine, "features": ["weather.temp"], "timestamp": "at", **options})
        assert build(sets, spine=SPINE, features=["weather.temp"], timestamp="at").num_rows == 3


def test_sets_of_different_keys_need_a_spine(sets: psycopg.Connection) -> None:
    with pytest.raises(InvalidDefinition, match="need the same keys"):
        build(sets, features=["weather.temp", "shop.carrier.delay"])
    with pytest.raises(InvalidDefinition, match="use 'history' or 'current'"):
        build(sets, features=["weather.temp"], values="newest")  # type: ignore[arg-type]


def test_nothing_is_left_behind(sets: psycopg.Connection) -> None:
    sets.execute("SET timezone = 'Asia/Tokyo'")
    with sets.transaction():
        build(sets, spine=SPINE, features=["weather.temp"], timestamp="at")
        build(sets, spine=pa.table({"origin": ["JFK"], "at": [T]}), features=["weather.temp"], timestamp="at")
        assert sets.execute("SELECT count(*) FROM pg_class WHERE relpersistence = 't'").fetchone() == (0,)
        assert sets.execute("SHOW timezone").fetchone() == ("Asia/Tokyo",)


def test_a_callers_own_changes_count(sets: psycopg.Connection) -> None:
    spine = pa.table({"origin": ["SFO"], "at": [T]})
    with sets.transaction(force_rollback=True):
        sets.execute("INSERT INTO fsdb_history.weather (origin, temp, event_time) VALUES ('SFO', 1, %s)", [T])
        assert build(sets, spine=spine, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist() == [
            1.0
        ]
    assert build(sets, spine=spine, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist() == [None]


def test_printing(sets: psycopg.Connection) -> None:
    built = build(sets, spine=SPINE, features=["weather.temp"], timestamp="at", label="late")
    assert repr(built).splitlines()[0].strip() == "Training set: 3 rows × 6 columns, label late"
    assert ">JFK</td>" in built._repr_html_()
