"""Which engine the router takes, which it passes over, and what a failed one leaves behind."""

import warnings
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fsdb.engines import costs
from fsdb.engines.protocol import Absence
from fsdb.errors import CopyBroken, EnginePassedOver, EngineUnavailable, InvalidData, UnknownName
from fsdb.training import build
from tests.routing.engines import Fake, raising

Only = Callable[..., None]


def test_the_cheapest_builds_it_and_dearer_ones_are_not_asked(weather: Any, asked: Any, only: Only) -> None:
    cheap, dear, unknown = Fake("cheap"), Fake("dear"), Fake("unknown")
    only((unknown, None), (dear, 2.0), (cheap, 1.0))
    built = build(weather, **asked)
    assert built.to_arrow()["temp"].to_pylist() == [39.0, 41.0]
    assert (built.engine, built.routing.why, built.routing.estimated) == ("cheap", "the cheapest", 1.0)
    assert [(one.engine, one.seconds) for one in built.routing.candidates] == [
        ("cheap", 1.0),
        ("dear", 2.0),
        ("unknown", None),
    ]
    assert (cheap.asked, dear.asked, unknown.asked) == (["refusal", "run"], [], [])


def test_an_engine_that_nothing_is_known_of_is_the_last(weather: Any, asked: Any, only: Only) -> None:
    only((Fake("unknown"), None), (Fake("cheap", "cannot do this."), 1.0))
    built = build(weather, **asked)
    assert (built.engine, built.routing.why, built.routing.estimated) == ("unknown", "the only engine that can", None)


def test_the_caller_names_an_engine(weather: Any, asked: Any, only: Only) -> None:
    cheap, dear = Fake("cheap"), Fake("dear")
    only((cheap, 1.0), (dear, 2.0))
    built = build(weather, **asked, engine="dear")
    assert (built.engine, built.routing.why, built.routing.forced, cheap.asked) == ("dear", "asked for", True, [])
    with pytest.raises(UnknownName, match="no engine 'oracle': use 'auto' or 'cheap' or 'dear'"):
        build(weather, **asked, engine="oracle")


@pytest.mark.parametrize(
    ("engine", "error", "words"),
    [
        (Fake("named", "keys of this kind are beyond it."), EngineUnavailable, "'named' cannot .* keys of this kind"),
        (Fake("named", ImportError("no", name="lib")), EngineUnavailable, "package lib is not installed"),
        (Fake("named", CopyBroken("A file is gone.")), CopyBroken, "A file is gone"),
        (Fake("named", None, raising(EngineUnavailable("It is out of memory."))), EngineUnavailable, "out of memory"),
        (Fake("named", None, raising(InvalidData("Infinite."))), InvalidData, "Infinite"),
    ],
)
def test_a_named_engine_that_cannot(
    weather: psycopg.Connection, asked: Any, only: Only, engine: Fake, error: type[Exception], words: str
) -> None:
    other = Fake("other")
    only((other, 1.0), (engine, 2.0))
    with weather.transaction():
        with pytest.raises(error, match=words):
            build(weather, **asked, engine="named")
        assert weather.execute("SELECT 1").fetchone() == (1,)
    assert other.asked == []


def test_a_refusal_for_exactness_is_no_warning(weather: Any, asked: Any, only: Only) -> None:
    only((Fake("cheap", "cannot compare such keys."), 1.0), (Fake("dear"), 2.0), (Fake("dearest"), 3.0))
    built = build(weather, **asked)  # warnings are errors
    assert (built.engine, built.routing.why) == ("dear", "the cheapest that can")
    assert [one.refusal for one in built.routing.candidates] == ["cannot compare such keys.", None, None]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Fake("cheap", Absence("the package is not installed.")), "the package is not installed"),
        (Fake("cheap", ImportError("no", name="duckling")), "the package duckling is not installed"),
        (Fake("cheap", None, raising(ImportError("no", name="duckling"))), "the package duckling is not installed"),
        (Fake("cheap", None, raising(EngineUnavailable("It does not start."))), "It does not start"),
        (Fake("cheap", None, raising(CopyBroken("A file is gone."))), "A file is gone"),
    ],
)
def test_an_absent_or_failing_engine_is_passed_over_with_a_warning(
    weather: psycopg.Connection, asked: Any, only: Only, engine: Fake, words: str
) -> None:
    expected = build(weather, **asked, engine="postgres").to_arrow()
    only((engine, 1.0), (Fake("dear"), 2.0))
    with pytest.warns(EnginePassedOver, match=f"cheap was passed over: {words}.*built by dear instead") as caught:
        built = build(weather, **asked)
    assert len(caught) == 1
    assert built.engine == "dear"
    assert built.to_arrow().equals(expected)
    assert words in (built.routing.candidates[0].refusal or "")


def test_an_absent_engine_that_would_not_have_been_taken_is_no_matter(weather: Any, asked: Any, only: Only) -> None:
    absent = Fake("absent", Absence("the package is not installed."))
    only((Fake("cheap"), 1.0), (absent, 2.0))
    assert build(weather, **asked).engine == "cheap"
    assert absent.asked == []


def test_what_a_failed_engine_did_is_rolled_back(weather: psycopg.Connection, asked: Any, only: Only) -> None:
    def act(connection: psycopg.Connection) -> None:
        connection.execute("CREATE TEMPORARY TABLE left_over (a integer)")
        connection.execute("SET LOCAL work_mem = '1MB'")
        try:
            connection.execute("SELECT 1 / 0")
        except psycopg.errors.DivisionByZero as error:
            raise EngineUnavailable("It failed.") from error

    before = weather.execute("SHOW work_mem").fetchone()
    only((Fake("cheap", None, act), 1.0), (Fake("dear"), 2.0))
    with weather.transaction():
        weather.execute("UPDATE weather SET temp = 50, event_time = '2013-01-01 12:30+00' WHERE origin = 'JFK'")
        with pytest.warns(EnginePassedOver):
            built = build(weather, **asked)
        assert weather.execute("SELECT to_regclass('pg_temp.left_over')").fetchone() == (None,)
        assert weather.execute("SHOW work_mem").fetchone() == before
    assert built.to_arrow()["temp"].to_pylist() == [39.0, 50.0]
    assert weather.execute("SELECT temp FROM weather WHERE origin = 'JFK'").fetchone() == (50.0,)


def test_rights_that_one_engine_needs(weather: psycopg.Connection, asked: Any, only: Only) -> None:
    def act(connection: psycopg.Connection) -> None:
        connection.execute("SET LOCAL ROLE pg_read_all_stats")
        connection.execute("SELECT * FROM fsdb_history.weather")

    only((Fake("cheap", None, act), 1.0), (Fake("dear"), 2.0))
    with pytest.warns(EnginePassedOver, match="cheap was passed over: permission denied for"):
        assert build(weather, **asked).engine == "dear"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        build(weather, **asked, engine="cheap")
    only((Fake("cheap", None, act), 1.0))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        build(weather, **asked)


def test_the_datas_own_faults_are_raised(weather: Any, asked: Any, only: Only) -> None:
    dear = Fake("dear")
    only((Fake("cheap", None, raising(InvalidData("A time is infinite."))), 1.0), (dear, 2.0))
    with pytest.raises(InvalidData, match="A time is infinite"):
        build(weather, **asked)
    assert dear.asked == []


def test_where_none_can_all_reasons_are_told(weather: psycopg.Connection, asked: Any, only: Only) -> None:
    only(
        (Fake("one", "its keys are strange."), 1.0),
        (Fake("two", Absence("the package is not installed.")), 2.0),
        (Fake("three", None, raising(CopyBroken("A file is gone."))), 3.0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            EngineUnavailable,
            match=r"No engine can .* one: its keys are strange\. two: the package is not installed\. three: A file is gone\.",
        ):
            build(weather, **asked)
    assert weather.execute("SELECT count(*) FROM fsdb.query_log").fetchone() == (0,)


def test_an_engine_that_is_to_be_started_first_costs_more(
    weather: Any, asked: Any, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = Fake("cold")
    only((cold, 1.0), (Fake("other"), 2.0))
    monkeypatch.setitem(costs.AMOUNTS, "cold", lambda _work, started: {"run": 1 if started else 5})
    assert build(weather, **asked).engine == "cold"
    monkeypatch.setattr(cold, "started", lambda: False, raising=False)
    assert build(weather, **asked).engine == "other"
