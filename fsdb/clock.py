"""What time it is for schedules: the server's clock, on which all workers agree. Tests set another, so none waits."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from fsdb.sql import query


def now(connection: Connection[Any]) -> datetime:
    """This moment."""
    row = connection.execute(query("clock", "now")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment
