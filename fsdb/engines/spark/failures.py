"""What Spark reports, as fsdb's errors."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fsdb.columnar import Copy, broken
from fsdb.errors import EngineUnavailable, FsdbError

_FILE = re.compile(r"(?:while reading file|Path does not exist:|File) (?:file:(?://)?)?(\S.*?\.parquet)")
_CAUSE = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): (?=\S)")
_SCHEME = re.compile(r'No FileSystem for scheme "(\w+)"|Class (\S*FileSystem) not found')


@contextmanager
def told(copies: Iterable[Copy | None]) -> Iterator[None]:
    """Raises what fails in the block as CopyBroken where a copy's file cannot be read, else as EngineUnavailable."""
    try:
        yield
    except FsdbError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark.", "py4j.")):
            raise
        raise _translated(str(error), copies) from error


def _translated(text: str, copies: Iterable[Copy | None]) -> FsdbError:
    unread = _FILE.search(text)
    if unread is not None:
        for copy in copies:
            if copy is not None and any(file.path.endswith(unread[1]) for file in copy.files):
                gone = "is not there" if "does not exist" in text.lower() else "is damaged"
                return broken(copy.feature_set, unread[1], gone)
    connector = _SCHEME.search(text)
    if connector is not None:
        return EngineUnavailable(
            f"Spark has no connector for the place of the columnar copy ({sentence(text)}): add the package that brings it to spark.jars.packages."
        )
    if "OutOfMemoryError" in text or "No space left on device" in text:
        return EngineUnavailable(
            f"Spark ran out of memory or disk ({sentence(text)}): give it more with spark.driver.memory or spark.executor.memory, or make room."
        )
    return EngineUnavailable(f"Spark failed: {sentence(text)}.")


def sentence(text: str) -> str:
    """The innermost cause that a report of Java's names, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by: ")] or lines[1:2] or lines[:1]
    return _CAUSE.sub("", causes[-1].removeprefix(": ")).rstrip(".")
