"""Who may read what is computed from events: each role, a stranger, and readers from whom row security hides events."""

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

import fsdb
from tests.access.world import Ruled


def test_readers_read_windows_and_strangers_are_told_what_is_missing(world: Ruled) -> None:
    with world.connect("writer") as writer:
        writer.execute(
            "INSERT INTO paid (id, at, card, x) VALUES (1, now(), 7, 1), (2, now(), 7, 2), (3, now(), 7, -5)"
        )
    for role in ("reader", "deployer", "keeper"):
        with world.store(role) as store:
            assert store.feature_vector("spent", {"card": 7})["x_sum_1_day"] == 3.0
            spine = "SELECT 7::bigint AS card, clock_timestamp() AS at"
            built = store.training_set(spine=spine, features="spent", timestamp="at")
            assert built.to_arrow().column("x_sum_1_day").to_pylist() == [3.0]
        with world.connect(role) as connection:
            assert connection.execute("SELECT * FROM spent_as_of(now(), 7)").fetchone() == (3.0,)
            events = connection.execute("SELECT event_id FROM spent_events('x_sum_1_day', now(), 7)").fetchall()
            assert events == [("1",), ("2",)]
    for role in ("scorer", "nobody"):
        with pytest.raises(fsdb.RightMissing), world.store(role) as store:
            store.feature_vector("spent", {"card": 7})
        with world.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM spent_as_of(now(), 7)")
    for role in ("reader", "writer", "scorer", "nobody"):
        other = fsdb.WindowSet("other", "paid", {"card": "card"}, [fsdb.Window("x", "max", "1 day")])
        with pytest.raises(fsdb.RightMissing), world.store(role) as store:
            store.apply([other])


def test_row_security_of_events_holds_in_windows(world: Ruled) -> None:
    reader = Identifier(world.user("reader"))
    with world.connect("keeper") as keeper:
        keeper.execute("INSERT INTO paid (id, at, card, x) VALUES (11, now(), 8, 1), (12, now(), 8, 20)")
        keeper.execute("ALTER TABLE paid ENABLE ROW LEVEL SECURITY")
        keeper.execute(SQL("CREATE POLICY seen ON paid TO {} USING (x < 10)").format(reader))
    try:
        with world.store("reader") as store:
            assert store.feature_vector("spent", {"card": 8})["x_sum_1_day"] == 1.0
        with world.connect("reader") as connection:
            assert connection.execute("SELECT * FROM spent_as_of(now(), 8)").fetchone() == (1.0,)
            events = connection.execute("SELECT event_id FROM spent_events('x_sum_1_day', now(), 8)").fetchall()
            assert events == [("11",)]
    finally:
        with world.connect("keeper") as keeper:
            keeper.execute("DROP POLICY seen ON paid")
            keeper.execute("ALTER TABLE paid DISABLE ROW LEVEL SECURITY")
