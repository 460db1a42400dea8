"""Deployers deploy as the role that all of them are in: what one deploys the next may replace, and none of it has fsdb's own rights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from psycopg import Connection

from fsdb.errors import RightMissing
from fsdb.sql import query

FILE = "access/roles"
Done = TypeVar("Done")
Connected = TypeVar("Connected", bound=Connection[Any])


def as_deployer(work: Callable[[Connected], Done]) -> Callable[[Connected], Done]:
    """The work, done as the role for deployers where the user has no other way to own what it makes."""

    def done(connection: Connected) -> Done:
        with acting(connection):
            return work(connection)

    return done


@contextmanager
def acting(connection: Connection[Any]) -> Iterator[None]:
    """The block runs as the role for deployers; fsdb's own role, and who was given the rights alone, stay who they are."""
    row = connection.execute(query(FILE, "acts_as")).fetchone()
    if row is None:
        yield
        return
    role, before = row
    connection.execute(query(FILE, "act"), {"role": role})
    yield  # where the block fails its transaction is rolled back, and the role with it
    connection.execute(query(FILE, "act"), {"role": before})


def require_owned(connection: Connection[Any], schema: str, table: str) -> None:
    """Raises RightMissing where the model table belongs to a role whose rights the user does not have."""
    row = connection.execute(query(FILE, "owns"), {"schema": schema, "table": table}).fetchone()
    if row is not None and not row[1]:
        raise RightMissing(
            f"Table {schema}.{table} belongs to {row[0]}, and user {connection.info.user} does not have that role's rights: let an admin of fsdb change this deployment."
        )
