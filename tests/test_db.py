"""Connections and transactions: what happens when the server is absent, too old, or goes away."""

from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest

from fsdb.db import Database
from fsdb.errors import ConnectionFailed, InvalidData
from fsdb.session import Session
from tests.conftest import TestDatabase


@pytest.fixture
def opened(database: TestDatabase) -> Iterator[Database]:
    handle = Database(database.url)
    handle.open()
    with handle.transaction() as connection:
        connection.execute("CREATE TABLE public.notes (note text)")
    yield handle
    handle.close()


def notes(database: TestDatabase) -> list[str]:
    with database.connect() as connection:
        return [row[0] for row in connection.execute("SELECT note FROM public.notes ORDER BY note")]


def test_a_block_commits_whole_or_not_at_all(opened: Database, database: TestDatabase) -> None:
    with opened.transaction() as connection:
        connection.execute("INSERT INTO public.notes VALUES ('kept')")
    with suppress(InvalidData), opened.transaction() as connection:
        connection.execute("INSERT INTO public.notes VALUES ('lost')")
        raise InvalidData("no")
    assert notes(database) == ["kept"]


def test_an_inner_block_is_a_savepoint_of_the_outer_one(opened: Database, database: TestDatabase) -> None:
    with opened.transaction() as outer:
        outer.execute("INSERT INTO public.notes VALUES ('outer')")
        with suppress(InvalidData), opened.transaction() as inner:
            assert inner is outer
            inner.execute("INSERT INTO public.notes VALUES ('inner')")
            raise InvalidData("no")
        assert opened.in_transaction
        assert notes(database) == []  # another session sees nothing before the outer block ends
    assert not opened.in_transaction
    assert notes(database) == ["outer"]


def test_a_server_that_goes_away_says_so_and_commits_nothing(opened: Database, database: TestDatabase) -> None:
    def cut_off() -> None:
        with opened.transaction() as connection:
            connection.execute("INSERT INTO public.notes VALUES ('lost')")
            with database.connect() as other:
                other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
            connection.execute("INSERT INTO public.notes VALUES ('lost too')")

    with pytest.raises(ConnectionFailed, match=r"went away: .* What was not committed is not in the database"):
        cut_off()
    assert notes(database) == []
    with opened.transaction() as connection:  # and the next call has a sound connection again
        connection.execute("INSERT INTO public.notes VALUES ('back')")
    assert notes(database) == ["back"]


def test_a_single_statement_needs_no_transaction_but_joins_an_open_one(opened: Database) -> None:
    with opened.connection() as connection:
        connection.execute("INSERT INTO public.notes VALUES ('kept')")
    with suppress(InvalidData), opened.transaction() as outer:
        with opened.connection() as connection:
            assert connection is outer
            connection.execute("INSERT INTO public.notes VALUES ('lost')")
        raise InvalidData("no")
    with opened.connection() as connection:
        assert connection.execute("SELECT note FROM public.notes").fetchall() == [("kept",)]


def test_a_server_that_goes_away_before_the_end_of_a_single_statement_says_so(
    opened: Database, database: TestDatabase
) -> None:
    def left_open() -> None:
        with opened.connection() as connection:
            connection.pgconn.exec_(b"BEGIN")  # the end is a COMMIT
            lost.append(connection.info.backend_pid)
            with database.connect() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", lost)

    lost: list[int] = []
    with pytest.raises(ConnectionFailed, match="went away"):
        left_open()
    with opened.connection() as connection:
        assert [connection.info.backend_pid] != lost


def test_connections_that_died_while_idle_are_replaced(opened: Database, database: TestDatabase) -> None:
    with opened.transaction() as first, first.cursor() as cursor:
        backend = first.info.backend_pid
        assert cursor.execute("SELECT 1").fetchone() == (1,)
    with database.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    with opened.transaction() as connection:  # as after a restart of the server: nobody notices
        assert connection.execute("SELECT 2").fetchone() == (2,)


def test_no_server_is_one_sentence_without_the_password() -> None:
    with pytest.raises(ConnectionFailed, match="No PostgreSQL answers at") as caught:
        Database("postgresql://someone:secret@127.0.0.1:1/nothing").open()
    assert "secret" not in str(caught.value)


def test_a_server_before_15_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, server_url: str) -> None:
    monkeypatch.setattr(Session, "info", SimpleNamespace(server_version=140011))
    with pytest.raises(ConnectionFailed, match="is PostgreSQL 14; fsdb needs 15 or newer"):
        Database(server_url).open()


@pytest.mark.parametrize("way", ["connection", "transaction"])
def test_a_store_that_another_thread_closes_meanwhile_says_that_it_is_closed(
    opened: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ready = opened._ready

    def closed_after_the_look() -> object:
        pool = ready()
        opened.close()
        return pool

    monkeypatch.setattr(opened, "_ready", closed_after_the_look)
    with pytest.raises(ConnectionFailed, match=r"closed.*open another with"), getattr(opened, way)():
        pass
