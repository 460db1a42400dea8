"""A folder that Spark and this process both see: for the spine, the tail and what is computed on the way."""

import re
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from fsdb.columnar.copies import Copy
from fsdb.config import warehouse
from fsdb.engines.spark.session import is_local
from fsdb.errors import EngineUnavailable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ROW_GROUP = 1 << 17  # rows: Spark reads row groups side by side
_GLOB = re.compile(r"([\\{}\[\]*?])")


class Staging:
    """A folder of its own under `place`, or in this machine's temporary folder without one.

    It is gone when nothing refers to this object any more, when it is closed, and at the end of the process.
    """

    def __init__(self, place: str | None = None) -> None:
        if place is None:
            self.url = tempfile.mkdtemp(prefix="fsdb-spark-")
        else:
            self.url = f"{place.rstrip('/')}/fsdb-spark-{uuid4().hex}"
        self._finalizer = weakref.finalize(self, _remove, self.url)

    def path(self, name: str) -> str:
        """Where something of this name is, or is to be put."""
        return f"{self.url}/{name}"

    def put(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """Writes rows as a Parquet file; gives their count. Raises EngineUnavailable where the folder takes none."""
        rows = 0
        try:
            system, path = fsspec.core.url_to_fs(self.url)
            system.makedirs(path, exist_ok=True)
            with (
                system.open(f"{path}/{name}", "wb") as file,
                pq.ParquetWriter(file, schema, compression="zstd") as writer,
            ):
                for batch in batches:
                    writer.write_batch(batch, row_group_size=_ROW_GROUP)
                    rows += batch.num_rows
        except (OSError, ImportError) as error:
            raise EngineUnavailable(
                f"The rows that Spark reads beside the columnar copy cannot be written to {self.url}: {error}. Make room, make the folder writable, or use another engine."
            ) from error
        return rows

    def write(self, frame: "DataFrame", name: str, by: str | None = None) -> None:
        """Has Spark write a frame into a folder of this name, in folders by the values of a column if one is named."""
        writer = frame.write if by is None else frame.write.partitionBy(by)
        writer.parquet(spark_path(self.path(name)))

    def read(self, name: str) -> Iterator[pa.RecordBatch]:
        """The rows of a Parquet file, or of a folder's files in the order of their names."""
        system, root = fsspec.core.url_to_fs(self.url)
        path = f"{root}/{name}"
        files = sorted(system.glob(f"{path}/*.parquet")) if system.isdir(path) else [path]
        for name_of_one in files:
            with system.open(name_of_one, "rb") as file:
                yield from pq.ParquetFile(file).iter_batches()

    def whole(self, name: str) -> pa.Table:
        """The rows of one Parquet file, in its types though there be none."""
        system, root = fsspec.core.url_to_fs(self.url)
        with system.open(f"{root}/{name}", "rb") as file:
            return pq.ParquetFile(file).read()

    def keep_until_exit(self) -> None:
        """Keeps the folder although nothing in this process may refer to this object any more: others read it."""
        _kept.append(self)

    def close(self) -> None:
        """Removes the folder."""
        self._finalizer()
        if self in _kept:
            _kept.remove(self)


_kept: list[Staging] = []


def staging_for(session: "SparkSession", copies: Iterable[Copy | None]) -> Staging:
    """A folder that this session sees: on this machine, else where the copies are, else where they would be."""
    if is_local(session):
        return Staging()
    paths = [file.path for copy in copies if copy is not None for file in copy.files]
    return Staging(f"{paths[0].rpartition('/')[0]}/staging" if paths else f"{warehouse()}/staging")


def literally(path: str) -> str:
    """A path as Spark reads it, whatever characters it has: those that would stand for others are escaped."""
    return _GLOB.sub(r"\\\1", spark_path(path))


def spark_path(path: str) -> str:
    """A path or URL as Spark takes it: with a scheme, and S3 by the name of Hadoop's connector."""
    if path.startswith("s3://"):
        path = f"s3a://{path.removeprefix('s3://')}"
    elif "://" not in path and not path.startswith("file:"):
        path = f"file://{Path(path).absolute()}"
    return path


def _remove(url: str) -> None:
    system: Any
    system, path = fsspec.core.url_to_fs(url)
    if system.exists(path):
        system.rm(path, recursive=True)
