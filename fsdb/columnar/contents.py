"""Reading the versions of a copy's files, in the columns that the copy has now."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO

from fsdb.columnar.iceberg import reading

FIELD_ID = b"PARQUET:field_id"


def batches(io: FileIO, path: str, schema: pa.Schema, feature_set: str) -> Iterator[pa.RecordBatch]:
    """The rows of a file as batches of `schema`, whose fields carry their ids: renamed, widened and later columns as they are now.

    Raises CopyBroken where the file cannot be read.
    """
    with reading(feature_set, path), io.new_input(path).open() as source, pq.ParquetFile(source) as parquet:
        there = {int(f.metadata[FIELD_ID]): f.name for f in parquet.schema_arrow if FIELD_ID in (f.metadata or {})}
        names = [there.get(int(field.metadata[FIELD_ID])) for field in schema]
        for batch in parquet.iter_batches(columns=[name for name in names if name is not None]):
            columns = [
                pa.nulls(batch.num_rows, field.type) if name is None else batch.column(name).cast(field.type)
                for name, field in zip(names, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
