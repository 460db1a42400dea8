"""What every part of the store has: its database, transactions, and the end of both."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from psycopg import Connection

from fsdb.arguments import checked_calls
from fsdb.db import Database
from fsdb.errors import ChangeRefused


@checked_calls(of="Store")
class BaseStore:
    """A database, and where new columnar copies go."""

    def __init__(self, database: Database, warehouse: str | None = None) -> None:
        self._database = database
        self._warehouse = warehouse

    @property
    def url(self) -> str:
        """The database's URL."""
        return self._database.url

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """One database transaction for all calls of the block, on the psycopg connection that it gives.

        Statements of your own raise what psycopg raises. A child that is forked inside the block has no part in it.
        """
        with self._database.transaction(users=True) as connection:
            yield connection

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<fsdb store on database {self._database.name}>"

    def _refuse_inside(self, what: str) -> None:
        if self._database.in_transaction:
            raise ChangeRefused(f"{what}: call it outside transaction().")
