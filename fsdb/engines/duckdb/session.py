"""A DuckDB of one join's own: in memory up to a limit, then in a folder that goes with it."""

import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from psycopg.sql import SQL, Composable

from fsdb.config import MEMORY_VARIABLE, memory_limit
from fsdb.errors import EngineUnavailable, InvalidData
from fsdb.notebook import in_notebook
from fsdb.sql import query

FILE = "engines/duckdb"
REFUSED = "fsdb: "  # how a query says that a value cannot be taken
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_KEPT = 4  # the part of the memory that answers may take outside of DuckDB
_FOLDER = "fsdb-duckdb-"  # of temporary files


class Session:
    """An open DuckDB. Closing it, or losing the last reference to it, leaves nothing in memory or on disk."""

    def __init__(self) -> None:
        """It reads no files but its own temporary ones: no text that it is given, whatever is in it, makes it open another or the network."""
        folder = tempfile.TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit(),
            "temp_directory": folder.name,
            **_OFFLINE,
        }
        try:
            self.connection = duckdb.connect(":memory:", config=settings)
        except duckdb.Error as error:
            folder.cleanup()
            raise EngineUnavailable(
                f"DuckDB does not start: {first_line(error)}. ${MEMORY_VARIABLE} is a size such as '2GB'."
            ) from error
        self._kept = 0
        if not in_notebook():
            self.run("progress", drawn=SQL("true" if sys.stderr.isatty() else "false"))
        self.run("settings")
        self.close = weakref.finalize(self, _release, self.connection, folder)

    def run(self, name: str, /, **parts: Composable) -> Any:
        """Executes a named text and gives the cursor."""
        with told():
            return self.connection.execute(text(name, **parts))

    def rows(self, name: str, /, **parts: Composable) -> list[tuple[Any, ...]]:
        """The rows of a named text."""
        with told():
            return list(self.connection.execute(text(name, **parts)).fetchall())

    def table(self, name: str, /, **parts: Composable) -> pa.Table:
        """The rows of a named text as an Arrow table."""
        with told():
            return self.connection.sql(text(name, **parts)).to_arrow_table()

    @property
    def memory(self) -> int:
        """How many bytes it may take."""
        return self.one("memory")

    def keeps(self, size: int) -> bool:
        """Whether Arrow may hold so many bytes beside DuckDB until the answer is gone: then they count."""
        if self._kept + size > self.memory // _KEPT:
            return False
        self._kept += size
        return True

    def one(self, name: str, /, **parts: Composable) -> int:
        """The number that a named text gives."""
        return int(self.rows(name, **parts)[0][0])

    @contextmanager
    def given(self, name: str, table: pa.Table) -> Iterator[None]:
        """An Arrow table under a name, for a block. One without columns is not there."""
        if table.num_columns:
            self.connection.register(name, table)
        try:
            yield
        finally:
            if table.num_columns:
                self.connection.unregister(name)


def text(name: str, /, **parts: Composable) -> str:
    """A named text as DuckDB takes it: it quotes identifiers and constants as PostgreSQL does."""
    return query(FILE, name, **parts).as_string(None)


@contextmanager
def told() -> Iterator[None]:
    """DuckDB's errors in the project's words."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        _, refused, sentence = str(error).partition(REFUSED)
        if refused:
            raise InvalidData(sentence.splitlines()[0]) from error
        raise
    except duckdb.OutOfMemoryException as error:
        raise EngineUnavailable(
            f"DuckDB ran out of memory, or of disk space for temporary files: {first_line(error)}. Give it more memory with {MEMORY_VARIABLE}, or free disk space."
        ) from error
    except duckdb.IOException as error:
        if _FOLDER in str(error) or "No space left" in str(error):
            raise EngineUnavailable(
                f"DuckDB has no disk space for temporary files: {first_line(error)}. Free disk space, or give it more memory with {MEMORY_VARIABLE}."
            ) from error
        raise


def first_line(error: Exception) -> str:
    """What DuckDB says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _release(connection: Any, folder: "tempfile.TemporaryDirectory[str]") -> None:
    connection.close()
    folder.cleanup()
