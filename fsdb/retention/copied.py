"""Versions read from a copy's data files by number, batch by batch: the files themselves, not what metadata says of them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fsdb.columnar import Copy, CopyFile, broken
from fsdb.errors import FsdbError

VERSION_ID = "version_id"
BATCH_VALUES = 2_000_000
MOST_ROWS = 1 << 16
_FIELD_ID = b"PARQUET:field_id"

Ids = NDArray[np.int64]


class CopiedVersions:
    """Some columns of a copy's versions. schema: their names in the copy, version_id among them, and types that hold their values."""

    def __init__(self, copy: Copy, schema: pa.Schema) -> None:
        self._copy = copy
        self._schema = schema
        self._field_ids = {column.name: column.field_id for column in copy.columns if column.name in schema.names}
        self._rows = max(1, min(MOST_ROWS, BATCH_VALUES // len(schema)))

    def read(self, ids: Ids) -> Iterator[pa.Table]:
        """The versions of these numbers, which are in order, as often as the files hold each; each table in order of version_id.

        Raises CopyBroken where a file that may hold one of them cannot be read.
        """
        for file in self._copy.files:
            lowest, highest = file.lower.get(VERSION_ID), file.upper.get(VERSION_ID)
            if lowest is not None and highest is not None and (highest < ids[0] or lowest > ids[-1]):
                continue
            try:
                yield from self._of_file(file, ids)
            except FsdbError:
                raise
            except FileNotFoundError as error:
                raise broken(self._copy.feature_set, file.path, "is gone") from error
            except Exception as error:  # whatever the format's reader raises for what is no such file
                raise broken(self._copy.feature_set, file.path, f"is not readable ({error})") from error

    def _of_file(self, file: CopyFile, ids: Ids) -> Iterator[pa.Table]:
        from fsdb.columnar.iceberg import file_io  # loads Iceberg's library

        with file_io(file.path).new_input(file.path).open() as source, pq.ParquetFile(source) as parquet:
            fields = {
                int(field.metadata[_FIELD_ID]): field.name
                for field in parquet.schema_arrow
                if _FIELD_ID in (field.metadata or {})
            }
            names = {name: fields[number] for name, number in self._field_ids.items() if number in fields}
            for group in range(parquet.num_row_groups):
                numbers = parquet.read_row_group(group, [names[VERSION_ID]]).column(0)
                if not _among(numbers, ids).any():
                    continue
                for batch in parquet.iter_batches(self._rows, [group], list(names.values())):
                    rows = pa.Table.from_batches([batch])
                    rows = rows.filter(pa.array(_among(rows.column(names[VERSION_ID]), ids)))
                    if rows.num_rows:
                        yield self._typed(rows, names)

    def _typed(self, rows: pa.Table, names: dict[str, str]) -> pa.Table:
        """The rows in order of version_id; a column that the file has not yet is NULL, a narrower one is widened."""
        columns = [
            rows.column(names[field.name]).cast(field.type)
            if field.name in names
            else pa.nulls(rows.num_rows, field.type)
            for field in self._schema
        ]
        return pa.table(columns, schema=self._schema).sort_by(VERSION_ID)


def _among(numbers: pa.ChunkedArray, ids: Ids) -> NDArray[np.bool_]:
    given = numbers.to_numpy()
    places = np.minimum(np.searchsorted(ids, given), len(ids) - 1)
    among: NDArray[np.bool_] = ids[places] == given
    return among
