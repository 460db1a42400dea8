"""Vectors by the statements that a store's session keeps: what a cursor gives, whatever happened in the session meanwhile."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

import fsdb
from fsdb.errors import InvalidData
from fsdb.prepared import MOST
from fsdb.session import Session, connect
from fsdb.vectors import feature_vector
from tests.conftest import TestDatabase

KEYS = {"a": "smallint", "b": "bigint", "c": "uuid", "d": "date", "e": "boolean", "f": "timestamptz", "g": "varchar(9)"}
KEY: dict[str, Any] = {
    "a": 7,
    "b": -(2**63),
    "c": UUID(int=5),
    "d": datetime(987, 2, 1).date(),
    "e": False,
    "f": datetime(1800, 2, 1, 3, 4, 5, 678901, timezone(timedelta(hours=5, minutes=3, seconds=7))),
    "g": "zoë'\\ \t",
}
VALUES = {  # texts that PostgreSQL takes for values of the type
    "n": ("numeric", "1.20"),
    "r": ("real", "0.1"),
    "x": ("double precision", "NaN"),
    "m": ("timestamptz", "2024-07-01 00:00+00"),
    "j": ("jsonb", '{"a": [1]}'),
    "l": ("text[]", "{a,NULL}"),
    "b": ("boolean", None),
}


@pytest.fixture(scope="module")
def url(module_database: TestDatabase) -> str:
    """Sets of every type of key and of value."""
    typed = fsdb.FeatureSet("typed", KEYS, [fsdb.Feature(f"v_{name}", kind) for name, (kind, _) in VALUES.items()])
    moments = fsdb.FeatureSet("moment", {"id": "bigint"}, [fsdb.Feature("seen", "date")])
    with fsdb.connect(module_database.url) as store, module_database.connect() as connection:
        store.apply([typed, moments])
        columns = SQL(", ").join(map(Identifier, [*KEY, *(f"v_{name}" for name in VALUES)]))
        held = [value for _, value in VALUES.values()]
        row = SQL(", ").join([SQL("%s")] * (len(KEY) + len(held)))
        connection.execute(SQL("INSERT INTO typed ({}) VALUES ({})").format(columns, row), [*KEY.values(), *held])
        connection.execute("INSERT INTO moment (id, seen) VALUES (1, '2024-05-06'), (2, 'infinity')")
    return module_database.url


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with connect(url, autocommit=True) as session:
        yield session


def test_a_session_gives_what_a_cursor_gives(url: str, session: Session) -> None:
    dressed = {"a": np.int16(7), "b": np.int64(KEY["b"]), "e": np.bool_(False), "f": pd.Timestamp(KEY["f"])}
    with psycopg.connect(url, autocommit=True) as plain:
        for key in (KEY, KEY | dressed, KEY | {"a": 70000}, KEY | {"c": str(KEY["c"])}, KEY | {"g": "none"}):
            expected = feature_vector(plain, "typed.*", key)
            for _ in range(2):
                assert repr(feature_vector(session, "typed.*", key)) == repr(expected)
            assert expected["found"] == (key["a"] == 7 and key["g"] != "none")


def test_moments_come_in_the_sessions_time_zone(session: Session) -> None:
    for zone, hours in (("Asia/Tokyo", 9), ("UTC", 0), ("Asia/Tokyo", 9)):
        session.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        session.execute("SET client_encoding TO LATIN1" if hours else "RESET client_encoding")
        seen = feature_vector(session, ["typed.v_m"], KEY)["v_m"]
        assert (seen, seen.utcoffset()) == (datetime(2024, 7, 1, tzinfo=UTC), timedelta(hours=hours))


def test_statements_that_the_user_let_go_are_prepared_again(session: Session) -> None:
    for letting_go in ("DEALLOCATE ALL", "DISCARD ALL"):
        for _ in range(2):
            assert feature_vector(session, ["moment.seen"], {"id": 1})["found"]
            psycopg.Cursor(session).execute(letting_go, prepare=False)  # no transaction around it
    assert feature_vector(session, ["moment.seen"], {"id": 1})["found"]
    assert not session.shared


def test_a_value_that_python_has_not_spoils_nothing(session: Session) -> None:
    for _ in range(2):
        with pytest.raises(InvalidData, match="has no form in Python"):
            feature_vector(session, ["moment.seen"], {"id": 2})
        assert str(feature_vector(session, ["moment.seen"], {"id": 1})["seen"]) == "2024-05-06"


def test_a_session_keeps_no_more_statements_than_it_may(url: str, session: Session) -> None:
    with fsdb.connect(url) as store:
        wide = [fsdb.Feature(f"w{n}", "integer") for n in range(MOST + 10)]
        store.apply([fsdb.FeatureSet("wide", {"id": "bigint"}, wide)])
    for turn in range(2):
        for number in range(MOST + 10):
            assert feature_vector(session, [f"wide.w{number}"], {"id": turn}) == {f"w{number}": None, "found": False}
    row = psycopg.Cursor(session).execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone()
    assert row is not None
    assert row[0] <= MOST + 10  # and the few that other calls prepared
