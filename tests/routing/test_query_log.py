"""The query log: what it holds, and that it is in nobody's way."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from fsdb import training
from fsdb.engines import query_log
from fsdb.engines.protocol import Absence
from fsdb.errors import EnginePassedOver
from fsdb.training import build, rebuild, save
from tests.conftest import TestDatabase
from tests.routing.engines import Fake


def lines(connection: psycopg.Connection) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM fsdb.query_log ORDER BY query_id").fetchall()


def test_a_line_for_each_training_set(weather: psycopg.Connection, asked: Any) -> None:
    built = build(weather, **asked)
    (line,) = lines(weather)
    user = weather.execute("SELECT current_user").fetchone()
    assert (line["engine"], line["forced"], line["why"]) == ("postgres", False, "the cheapest")
    assert (line["spine_rows"], line["feature_sets"], line["features"]) == (2, 1, 1)
    assert (line["versions"], line["copy_rows"], line["tail_rows"]) == (3, 0, 3)
    assert (line["files_read"], line["files_pruned"]) == (0, 0)
    assert (line["asked_by"],) == user
    assert line["seconds"] == built.routing.seconds > 0
    assert line["estimated_seconds"] == built.routing.estimated > 0
    candidates = weather.execute(
        "SELECT engine, seconds, refusal FROM fsdb.query_log_engines ORDER BY seconds"
    ).fetchall()
    assert candidates == [(one.engine, one.seconds, one.refusal) for one in built.routing.candidates]
    build(weather, **asked, engine="postgres")
    assert [(line["forced"], line["why"]) for line in lines(weather)] == [(False, "the cheapest"), (True, "asked for")]


def test_an_engine_that_was_passed_over(weather: psycopg.Connection, asked: Any, only: Callable[..., None]) -> None:
    only((Fake("one", Absence("the package is not installed.")), 1.0), (Fake("two"), None))
    with pytest.warns(EnginePassedOver):
        build(weather, **asked)
    assert lines(weather)[0]["estimated_seconds"] is None
    rows = weather.execute("SELECT engine, seconds, refusal FROM fsdb.query_log_engines ORDER BY engine").fetchall()
    assert rows == [("one", 1.0, "the package is not installed."), ("two", None, None)]


def test_a_saved_one_that_is_built_again(weather: psycopg.Connection, asked: Any) -> None:
    saved = save(weather, build(weather, **asked), "kept")
    rebuild(weather, saved.saved)
    training.verify(weather, saved.saved)
    assert len(lines(weather)) == 3


def test_it_goes_with_the_callers_transaction(weather: psycopg.Connection, asked: Any) -> None:
    with weather.transaction(force_rollback=True):
        build(weather, **asked)
        assert len(lines(weather)) == 1
    assert lines(weather) == []


def test_a_transaction_that_only_reads(weather: psycopg.Connection, asked: Any) -> None:
    saved = save(weather, build(weather, **asked), "kept")
    with weather.transaction():
        weather.execute("SET TRANSACTION READ ONLY")
        query = {"spine": "SELECT 'JFK' AS origin, now() AS at", "features": ["weather.temp"], "timestamp": "at"}
        assert rebuild(weather, saved.saved).content_hash == saved.content_hash
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), weather.transaction():
            build(weather, **query)  # makes a temporary table
        assert weather.execute("SELECT 1").fetchone() == (1,)
    assert len(lines(weather)) == 1


@pytest.fixture
def reader(database: TestDatabase, weather: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session of a role that may read everything and write nothing."""
    name = f"reader_{uuid4().hex[:8]}"
    role = Identifier(name)
    weather.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(role))
    for schema in ("fsdb", "fsdb_history"):
        weather.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), role))
        weather.execute(SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(Identifier(schema), role))
        weather.execute(SQL("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}").format(Identifier(schema), role))
    with psycopg.connect(make_conninfo(database.url, user=name, password="secret"), autocommit=True) as connection:
        yield connection
    weather.execute(SQL("DROP OWNED BY {} CASCADE").format(role))
    weather.execute(SQL("DROP ROLE {}").format(role))


def test_who_may_not_write_it_builds_all_the_same(
    reader: psycopg.Connection, weather: psycopg.Connection, asked: Any
) -> None:
    assert build(reader, **asked).to_arrow()["temp"].to_pylist() == [39.0, 41.0]
    assert lines(weather) == []
    weather.execute("GRANT INSERT ON fsdb.query_log, fsdb.query_log_engines TO PUBLIC")
    build(reader, **asked)
    assert [line["asked_by"] for line in lines(weather)] == [reader.info.user]
    weather.execute("REVOKE INSERT ON fsdb.query_log, fsdb.query_log_engines FROM PUBLIC")


def test_old_lines_go(weather: psycopg.Connection, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_log, "KEPT", 3)
    monkeypatch.setattr(query_log, "_EVERY", 1)
    for _ in range(5):
        build(weather, **asked)
    assert [line["query_id"] for line in lines(weather)] == [3, 4, 5]
    weather.execute("UPDATE fsdb.query_log SET asked_at = asked_at - interval '91 days' WHERE query_id = 4")
    build(weather, **asked)
    assert [line["query_id"] for line in lines(weather)] == [5, 6]
    assert weather.execute("SELECT count(*) FROM fsdb.query_log_engines WHERE query_id < 5").fetchone() == (0,)


def test_nobody_waits_for_another_s_line(
    database: TestDatabase, weather: psycopg.Connection, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_log, "KEPT", 1)
    monkeypatch.setattr(query_log, "_EVERY", 1)
    build(weather, **asked)
    with database.connect() as other, weather.transaction():
        build(weather, **asked)
        build(weather, **asked)  # deletes a line that is committed
        other.execute("SET lock_timeout = '2s'")
        with other.transaction():
            other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            build(other, **asked)
        build(other, **asked)
    assert len(lines(weather)) >= 2
