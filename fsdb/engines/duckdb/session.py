"""A DuckDB of one join's own: in memory up to a limit, then in a folder that goes with it."""

import re
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from psycopg.sql import Composable, Literal

from fsdb.config import MEMORY_VARIABLE, memory_limit
from fsdb.errors import EngineUnavailable, InvalidData
from fsdb.sql import joined, query

FILE = "engines/duckdb"
REFUSED = "fsdb: "  # how a query says that a value cannot be taken
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_FOLDER = "fsdb-duckdb-"  # of temporary files
_AWAY = re.compile(r"AWS Error .*")
_PATH = re.compile(r"""['"]([^'"]+\.parquet)['"]""")


def _on_terminal() -> bool:
    """Whether people see DuckDB's progress bar. The standard error of a notebook says that it is a terminal, and is none."""
    return sys.stderr.isatty() and "ipykernel" not in sys.modules


class Session:
    """An open DuckDB. Closing it, or losing the last reference to it, leaves nothing in memory or on disk."""

    def __init__(self, folders: Sequence[str] = ()) -> None:
        """`folders`: whose files it may read; no text that it is given, whatever is in it, makes it open any other file or the network."""
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
        if _on_terminal():
            self.run("progress")
        self.run("settings", folders=joined([Literal(one) for one in folders]))
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

    def use_filesystems(self, paths: Sequence[str]) -> None:
        """Makes files readable that are not on this machine: on S3 by Arrow's client, else through fsspec."""
        for scheme, path in {path.partition("://")[0]: path for path in paths if "://" in path}.items():
            if not self.connection.filesystem_is_registered(scheme):
                import fsspec
                from fsspec.implementations.arrow import ArrowFSWrapper

                from fsdb.columnar.iceberg import file_system  # loads Iceberg's library

                system = ArrowFSWrapper(file_system(path)[0]) if scheme == "s3" else fsspec.filesystem(scheme)
                self.connection.register_filesystem(system)


def text(name: str, /, **parts: Composable) -> str:
    """A named text as DuckDB takes it: it quotes identifiers and constants as PostgreSQL does."""
    return query(FILE, name, **parts).as_string(None)


class Unreadable(Exception):
    """A file that DuckDB cannot read, and what is the matter with it."""

    def __init__(self, error: Exception) -> None:
        said = first_line(error)
        named = _PATH.search(str(error))
        self.path = named[1] if named else "a file"
        away = _AWAY.search(str(error))  # what Arrow's client raises comes with its traceback
        self.problem = "is gone" if "No files found" in said else f"is damaged ({away[0] if away else said})"
        super().__init__(said)


@contextmanager
def told() -> Iterator[None]:
    """DuckDB's errors in the project's words; Unreadable for what is the matter with a file."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        _, refused, sentence = str(error).partition(REFUSED)
        if refused:
            raise InvalidData(sentence.splitlines()[0]) from error
        raise Unreadable(error) from error
    except duckdb.OutOfMemoryException as error:
        raise EngineUnavailable(
            f"DuckDB ran out of memory, or of disk for what does not fit: {first_line(error)}. Give it more memory with {MEMORY_VARIABLE}, or free space for temporary files."
        ) from error
    except duckdb.IOException as error:
        if _FOLDER in str(error) or "No space left" in str(error):
            raise EngineUnavailable(
                f"DuckDB has no disk for what does not fit into memory: {first_line(error)}. Free space for temporary files, or give it more memory with {MEMORY_VARIABLE}."
            ) from error
        raise Unreadable(error) from error
    except duckdb.Error as error:
        if (
            "TProtocolException" in str(error)
            or _AWAY.search(str(error))
            or isinstance(error, duckdb.SerializationException)
        ):
            raise Unreadable(error) from error
        raise


def first_line(error: Exception) -> str:
    """What DuckDB says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _release(connection: Any, folder: "tempfile.TemporaryDirectory[str]") -> None:
    connection.close()
    folder.cleanup()
