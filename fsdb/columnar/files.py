"""Writes versions into Parquet files: gathered up to a bound of memory, put in order, one file a bucket."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import BucketTransform
from pyiceberg.typedef import Record

from fsdb.columnar.bounds import bounds
from fsdb.columnar.copies import name_in_files
from fsdb.columnar.schema import EVENT_TIME, RECORDED_AT, VERSION_ID, XID, arrow_schema, note

CHUNK_BYTES = 128 << 20  # versions in memory before they are written; twice this and a little more is the peak
GROUP_ROWS = 1 << 17  # of a row group: what DuckDB reads in parallel
_SAMPLE = 4096
_REPEATING = 0.3  # a column of which fewer values than this are distinct is worth a dictionary


class FileWriter:
    """Writes batches of a copy's columns into new files under the table's location; nothing refers to these until they are committed.

    Each file holds versions of one bucket, in the order (keys, event_time, version_id). Writing runs beside the caller
    in one thread. `close` gives the files, `abandon` removes them.
    """

    def __init__(self, io: FileIO, metadata: TableMetadata, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._io = io
        self._folder = f"{metadata.location.rstrip('/')}/data"
        self._spec_id = metadata.default_spec_id
        schema = metadata.schema()
        self.fields = schema.fields
        self.schema = arrow_schema(schema)
        self._ids = {field.name: field.field_id for field in schema.fields}
        written = [field.with_name(name_in_files(field.name, self._ids[field.name])) for field in self.schema]
        self._written = pa.schema(written)
        self._keys = [field.name for field in schema.fields if (n := note(field)) and n.feature_id is None]
        self._bounded = [
            field.name for field in schema.fields if field.field_id in _BOUNDED or field.name in self._keys
        ]
        self._bucket_of: Callable[[Any], Any] | None = None
        for field in metadata.spec().fields:
            assert isinstance(field.transform, BucketTransform)
            source = schema.find_field(field.source_id)
            self._bucket_source = source.name
            self._bucket_of = field.transform.pyarrow_transform(source.field_type)
        self._chunk_bytes = chunk_bytes
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fsdb-files")
        self._writing: Future[None] | None = None
        self._files: list[DataFile] = []
        self._begun: list[str] = []
        self._stopped = threading.Event()

    def write(self, batch: pa.RecordBatch) -> None:
        """Takes a batch of `self.schema`. Raises what writing an earlier one raised, such as OSError for a full disk."""
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes >= self._chunk_bytes:
            self.flush()

    def close(self) -> list[DataFile]:
        """Writes what is left and returns all files, for one commit."""
        self.flush()
        self._wait()
        self._thread.shutdown()
        return self._files

    def abandon(self) -> None:
        """Removes every file that was begun, as far as that can be done."""
        self._stopped.set()
        with suppress(Exception):
            self._wait()
        self._thread.shutdown()
        for path in self._begun:
            with suppress(Exception):
                self._io.delete(path)

    def flush(self) -> None:
        """Begins to write what is held, as files of its own."""
        self._wait()
        if self._held:
            held, self._held, self._held_bytes = self._held, [], 0
            self._writing = self._thread.submit(self._write, held)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, held: list[pa.RecordBatch]) -> None:
        table = _joined(held, self.schema)
        buckets = self._buckets(table)
        order = _ordered(table, buckets, [*self._keys, "event_time", "version_id"])
        if buckets is None:
            self._write_file(table, order, None)
            return
        found = buckets[order]
        cuts = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
        for begin, end in pairwise(cuts):
            self._write_file(table, order[begin:end], int(found[begin]))

    def _buckets(self, table: pa.Table) -> NDArray[np.int32] | None:
        if self._bucket_of is None:
            return None
        column = table.column(self._bucket_source).combine_chunks()
        buckets: NDArray[np.int32] = np.asarray(self._bucket_of(column))
        return buckets

    def _write_file(self, table: pa.Table, order: NDArray[np.int64], bucket: int | None) -> None:
        place = self._folder if bucket is None else f"{self._folder}/bucket={bucket}"
        path = f"{place}/{uuid4()}.parquet"
        sample = table.slice(0, _SAMPLE).rename_columns(self._written.names)
        self._begun.append(path)
        sink: Any = self._io.new_output(path).create()
        with sink:
            with pq.ParquetWriter(
                sink, self._written, compression="snappy", use_dictionary=_repeating(sample), store_schema=False
            ) as writer:
                for begin in range(0, len(order), GROUP_ROWS):
                    if self._stopped.is_set():
                        return
                    group = table.take(pa.array(order[begin : begin + GROUP_ROWS]))
                    writer.write_table(group.rename_columns(self._written.names), row_group_size=GROUP_ROWS)
            size = sink.tell()
        narrow = table.select(self._bounded).take(pa.array(order))
        lower, upper = bounds((self._ids[name], narrow.column(name)) for name in self._bounded)
        self._files.append(
            DataFile.from_args(
                content=DataFileContent.DATA,
                file_path=path,
                file_format=FileFormat.PARQUET,
                partition=Record() if bucket is None else Record(bucket),
                record_count=len(order),
                file_size_in_bytes=size,
                lower_bounds=lower,
                upper_bounds=upper,
                sort_order_id=None,
                spec_id=self._spec_id,
            )
        )


def _joined(held: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Batches as one table of whole columns, made column by column so that little is in memory twice."""
    columns = [batch.columns for batch in held]
    held.clear()
    whole: list[pa.Array] = []
    for number, field in enumerate(schema):
        pieces = [batch[number] for batch in columns]
        for batch in columns:
            batch[number] = None
        joined = pa.concat_arrays(pieces)
        whole.append(joined if joined.type == field.type else joined.cast(field.type))
    return pa.Table.from_arrays(whole, schema=schema)


def _ordered(table: pa.Table, buckets: NDArray[np.int32] | None, names: Sequence[str]) -> NDArray[np.int64]:
    """The rows' positions in the order of bucket and columns; texts by their bytes."""
    columns = [_sortable(table.column(name)) for name in names]
    if all(isinstance(column, np.ndarray) for column in columns):
        keys = columns if buckets is None else [buckets, *columns]
        order: NDArray[np.int64] = np.lexsort(keys[::-1])
        return order
    sorting = pa.table([table.column(name) for name in names], [str(number) for number in range(len(names))])
    if buckets is not None:
        sorting = sorting.add_column(0, "bucket", pa.array(buckets))
    found: NDArray[np.int64] = pc.sort_indices(
        sorting, sort_keys=[(name, "ascending") for name in sorting.column_names]
    ).to_numpy()
    return found.astype(np.int64)


def _sortable(column: pa.ChunkedArray) -> Any:
    """A column as numbers in the same order; texts stay as they are."""
    if pa.types.is_string(column.type):
        return column
    stored = _STORED.get(column.type)
    return (column if stored is None else column.cast(stored)).to_numpy()


def _repeating(sample: pa.Table) -> list[str]:
    """Columns whose values repeat, by a sample of rows: a dictionary makes them smaller, and all others slower to write and read."""
    found = []
    for field in sample.schema:
        if pa.types.is_list(field.type) or pa.types.is_boolean(field.type):
            continue
        if pc.count_distinct(sample.column(field.name), mode="all").as_py() <= _REPEATING * len(sample):
            found.append(field.name)
    return found


_BOUNDED = {VERSION_ID, EVENT_TIME, RECORDED_AT, XID}
_STORED = {pa.date32(): pa.int32(), pa.timestamp("us", "UTC"): pa.int64()}
