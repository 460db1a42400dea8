"""A copy holds what history holds, once, and its watermark says exactly what."""

import psycopg

from fsdb.columnar import read_copy, sync
from tests.columnar.made import copied, history_ids, ids, simple_set, tail_ids, write
from tests.conftest import TestDatabase


def test_a_copy_holds_history_and_the_tail_the_rest(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    assert read_copy(connection, "readings") is None
    write(connection, 1000)
    result = sync(database.url)
    assert [(s.feature_set, s.versions, s.rows) for s in result.sets] == [("readings", 1000, 1000)]
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert ids(copy) == history_ids(connection)
    assert copy.rows == 1000
    assert tail_ids(connection) == []
    write(connection, 10)
    assert tail_ids(connection) == history_ids(connection)[-10:]
    assert [(s.versions, s.rows) for s in sync(database.url).sets] == [(10, 1010)]
    copy = read_copy(connection, "readings")
    assert ids(copy) == history_ids(connection)
    rows = connection.execute(
        "SELECT version_id, event_time, recorded_at, xid::text::bigint AS xid, deleted, k, x FROM fsdb_history.readings ORDER BY 1"
    )
    names = [column.name for column in rows.description or []]
    assert copy is not None
    assert copied(copy) == [dict(zip(names, row, strict=True)) for row in rows]
