"""Parallel sessions on one key and on several: no version is lost, and each key's version_id follows the commits (invariants 1, 3, 4).

Where each change reads the value that it replaces, the values in order of version_id show the order of commits.
"""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Literal

import psycopg
import pytest
from psycopg.sql import SQL

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, day, live, made
from tests.oracle import Version

THREADS = 4
ROUNDS = 60

Kind = Literal["created", "tracked", "clock"]
TRACKED = {
    "tracked": "CREATE TABLE weather (k bigint PRIMARY KEY, a float8, b text, event_time timestamptz)",
    "clock": "CREATE TABLE weather (k bigint PRIMARY KEY, a float8, b text)",
}
Work = Callable[[psycopg.Connection, int], Any]


@pytest.fixture(params=["created", "tracked", "clock"])
def weather(request: pytest.FixtureRequest, connection: psycopg.Connection) -> RegisteredSet:
    """A live table of each kind: made by fsdb, and tracked with and without an event_time of its own."""
    if request.param == "created":
        return made(connection)
    connection.execute(SQL(TRACKED[request.param]))
    event_time = "event_time" if request.param == "tracked" else None
    with connection.transaction():
        definition = history.tracked_definition(connection, "weather", features=["a", "b"], event_time=event_time)
        return history.create(connection, definition)


def _together(database: TestDatabase, work: Work, threads: int = THREADS) -> list[Any]:
    """Runs `work` in each thread on a connection of its own, all beginning at once. Any error of one is the test's."""
    barrier = Barrier(threads)

    def run(number: int) -> Any:
        with database.connect() as connection:
            connection.execute("SET lock_timeout = '20s'; SET deadlock_timeout = '100ms'")
            barrier.wait(timeout=20)
            return work(connection, number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def _by_key(kept: list[Version]) -> dict[int, list[Version]]:
    """The versions of each key in order of version_id."""
    found: dict[int, list[Version]] = {}
    for version in kept:
        found.setdefault(version.key[0], []).append(version)
    return found


def _assert_times_follow(kept: list[Version], *, ties: bool = False) -> None:
    """Clocks read under the row's lock never go back, nor stand still but where there may be `ties`."""
    for of_key in _by_key(kept).values():
        times = [version.event_time for version in of_key]
        assert times == sorted(times if ties else set(times))


def test_updates_of_one_key(database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather (k, a) VALUES (1, 0)")

    def count(session: psycopg.Connection, _: int) -> None:
        for _round in range(ROUNDS):
            session.execute("UPDATE weather SET a = a + 1 WHERE k = 1")

    _together(database, count)
    kept = assert_live_is_newest(connection, weather)
    assert [version.values["a"] for version in kept] == list(range(THREADS * ROUNDS + 1))
    _assert_times_follow(kept)


def test_transactions_on_several_keys_some_rolled_back(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather (k, a) SELECT k, 0 FROM generate_series(1, 4) k")

    def change(session: psycopg.Connection, number: int) -> Counter[int]:
        chance, done = random.Random(number), Counter[int]()
        for _ in range(ROUNDS // 2):
            keys = sorted(chance.sample(range(1, 5), 2))
            with session.transaction(force_rollback=(undone := chance.random() < 0.3)):
                for key in keys:  # in order of key: else the sessions would deadlock without fsdb, too
                    session.execute("UPDATE weather SET a = a + 1 WHERE k = %s", (key,))
                    with session.transaction(force_rollback=True):
                        session.execute("UPDATE weather SET a = a + 1000 WHERE k = %s", (key,))
                session.execute("UPDATE weather SET a = a + 1 WHERE k = %s", (keys[0],))
            if not undone:
                done.update([keys[0], *keys])
        return done

    done = sum(_together(database, change), Counter[int]())
    kept = assert_live_is_newest(connection, weather)
    for key, of_key in _by_key(kept).items():
        assert [version.values["a"] for version in of_key] == list(range(done[key] + 1))
    _assert_times_follow(kept)


def test_single_rows_at_random_do_not_deadlock(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    """Inserts, updates and deletes of one row each: every one that changed a row is one version."""

    def change(session: psycopg.Connection, number: int) -> Counter[int]:
        chance, done = random.Random(number), Counter[int]()
        for _ in range(ROUNDS * 2):
            key, what = chance.randint(1, 3), chance.choice(["insert", "update", "update", "delete"])
            cursor = session.execute(
                {
                    "insert": "INSERT INTO weather (k, a) VALUES (%s, 0) ON CONFLICT DO NOTHING",
                    "update": "UPDATE weather SET a = a + 1 WHERE k = %s",
                    "delete": "DELETE FROM weather WHERE k = %s",
                }[what],
                (key,),
            )
            done[key] += cursor.rowcount
        return done

    done = sum(_together(database, change), Counter[int]())
    kept = assert_live_is_newest(connection, weather)
    assert Counter(version.key[0] for version in kept) == +done
    _assert_times_follow(kept)
    for of_key in _by_key(kept).values():
        expected: float | None = None
        for version in of_key:
            if version.deleted:
                assert expected is not None
                expected = None
            else:
                expected = 0 if expected is None else expected + 1
                assert version.values["a"] == expected


@pytest.mark.parametrize("named", [False, True])
def test_upserts_of_keys_that_are_not_there(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet, named: bool
) -> None:
    """The first one inserts, those that waited for it update; also where event_time is the excluded row's own clock."""
    if weather.event_time_column is None and named:
        named = False
    sets = ", event_time = excluded.event_time" if named else ""
    upsert = SQL("INSERT INTO weather AS w (k, a) VALUES (%s, 1) ON CONFLICT (k) DO UPDATE SET a = w.a + 1{}").format(
        SQL(sets)
    )

    def change(session: psycopg.Connection, _: int) -> None:
        for key in range(20):
            for _round in range(4):
                session.execute(upsert, (key,))

    _together(database, change)
    kept = assert_live_is_newest(connection, weather)
    for of_key in _by_key(kept).values():
        assert [version.values["a"] for version in of_key] == list(range(1, THREADS * 4 + 1))
    assert set(live(connection, weather)) == {(key,) for key in range(20)}
    # Two sessions may read the same microsecond; naming the time that the row then has is a correction of it.
    _assert_times_follow(kept, ties=named)


def test_deletes_and_inserts_race(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    """A plain INSERT waits for the delete before it; the versions of a key come and go by turns."""

    def change(session: psycopg.Connection, _: int) -> int:
        done = 0
        for _round in range(ROUNDS):
            done += session.execute("DELETE FROM weather WHERE k = 1").rowcount
            try:
                done += session.execute("INSERT INTO weather (k, a) VALUES (1, 1)").rowcount
            except psycopg.errors.UniqueViolation:
                done += session.execute("DELETE FROM weather WHERE k = 1").rowcount
        return done

    done = sum(_together(database, change))
    kept = assert_live_is_newest(connection, weather)
    assert len(kept) == done
    assert [version.deleted for version in kept] == [number % 2 == 1 for number in range(done)]
    _assert_times_follow(kept)


def test_late_and_newer_values_race(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Every value is a version, whatever the order in which they come; the newest event_time is live."""
    weather = made(connection)
    times = [day(1 + number // 24, number % 24) for number in range(THREADS * ROUNDS)]
    random.Random(0).shuffle(times)

    def change(session: psycopg.Connection, number: int) -> None:
        for index in range(number, len(times), THREADS):
            session.execute(
                "INSERT INTO weather VALUES (%s, %s, 'x', %s) ON CONFLICT (k) DO UPDATE"
                " SET a = excluded.a, event_time = excluded.event_time",
                (index % 2, float(index), times[index]),
            )

    _together(database, change)
    kept = assert_live_is_newest(connection, weather)
    assert Counter((v.key[0], v.values["a"], v.event_time) for v in kept) == Counter(
        (index % 2, float(index), time) for index, time in enumerate(times)
    )
    for key in (0, 1):
        assert live(connection, weather)[key,]["event_time"] == max(times[key::2])


def test_late_values_and_deletes_race(database: TestDatabase, connection: psycopg.Connection) -> None:
    """A delete is by the clock, so that no value of January comes after it: nothing lives but what was never deleted since."""
    weather = made(connection)

    def change(session: psycopg.Connection, number: int) -> int:
        done = 0
        for index in range(ROUNDS):
            if number == 0:
                done += session.execute("DELETE FROM weather WHERE k = 1").rowcount
                continue
            session.execute(
                "INSERT INTO weather VALUES (1, %s, 'x', %s) ON CONFLICT (k) DO UPDATE"
                " SET a = excluded.a, event_time = excluded.event_time",
                (float(index), day(1 + index % 28, number)),
            )
            done += 1
        return done

    done = sum(_together(database, change))
    kept = assert_live_is_newest(connection, weather)
    assert len(kept) == done
    assert len([version for version in kept if version.deleted]) <= 1


def test_a_row_that_changes_its_key(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather (k, a) VALUES (1, 0)")

    def move(session: psycopg.Connection, _: int) -> None:
        for _round in range(ROUNDS // 2):
            session.execute("UPDATE weather SET k = k + 1, a = a + 1")

    _together(database, move)
    kept = assert_live_is_newest(connection, weather)
    last = THREADS * (ROUNDS // 2) + 1
    assert {key for (key,) in live(connection, weather)} == {last}
    for key, of_key in _by_key(kept).items():
        assert [version.deleted for version in of_key] == ([False] if key == last else [False, True])
        assert of_key[0].values["a"] == key - 1
    _assert_times_follow(kept)


def test_rows_that_go_to_and_from_a_key(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    """Each session has a row that it moves to the one key that all want, and away again."""
    connection.execute("INSERT INTO weather (k, a) SELECT k, k FROM generate_series(1, %s) k", (THREADS,))

    def move(session: psycopg.Connection, number: int) -> int:
        done = 0
        for _ in range(ROUNDS):
            try:
                done += session.execute("UPDATE weather SET k = 0 WHERE k = %s", (number + 1,)).rowcount
            except psycopg.errors.UniqueViolation:
                continue
            done += session.execute("UPDATE weather SET k = %s WHERE k = 0", (number + 1,)).rowcount
        return done

    done = sum(_together(database, move))
    kept = assert_live_is_newest(connection, weather)
    assert len(kept) == THREADS + 2 * done
    assert {key: row["a"] for (key,), row in live(connection, weather).items()} == {
        key: key for key in range(1, THREADS + 1)
    }
    for of_key in _by_key(kept).values():
        assert [version.deleted for version in of_key] == [number % 2 == 1 for number in range(len(of_key))]
    _assert_times_follow(kept)


def test_truncates_and_inserts_race(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    def change(session: psycopg.Connection, number: int) -> None:
        for index in range(ROUNDS // 3):
            if number == 0:
                session.execute("TRUNCATE weather")
            else:
                session.execute(
                    "INSERT INTO weather (k, a) VALUES (%s, 1), (%s, 1) ON CONFLICT (k) DO UPDATE SET a = weather.a + 1",
                    (index % 3, 3 + index % 3),
                )

    _together(database, change)
    kept = assert_live_is_newest(connection, weather)
    changes = [version for version in kept if not version.deleted]
    assert len(changes) == (THREADS - 1) * (ROUNDS // 3) * 2
    for of_key in _by_key(kept).values():
        expected = 0.0
        for version in of_key:
            expected = 0.0 if version.deleted else expected + 1
            assert version.deleted or version.values["a"] == expected
    _assert_times_follow(kept)


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_stricter_isolation_keeps_what_commits(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet, level: psycopg.IsolationLevel
) -> None:
    connection.execute("INSERT INTO weather (k, a) VALUES (1, 0), (2, 0)")

    def count(session: psycopg.Connection, number: int) -> int:
        session.isolation_level = level
        done = 0
        for _ in range(ROUNDS // 2):
            try:
                with session.transaction():
                    session.execute("UPDATE weather SET a = a + 1 WHERE k = %s", (1 + number % 2,))
                done += 1
            except psycopg.errors.SerializationFailure:
                continue
        return done

    done = _together(database, count)
    kept = assert_live_is_newest(connection, weather)
    for key, of_key in _by_key(kept).items():
        assert [version.values["a"] for version in of_key] == list(range(sum(done[key - 1 :: 2]) + 1))
    _assert_times_follow(kept)
