"""Columnar copies written by the copy's own writer from a generator, past PostgreSQL: as large as a benchmark likes."""

from collections.abc import Callable, Iterable

import pyarrow as pa
from psycopg.sql import SQL, Literal

from fsdb.asof import snapshots
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import table
from fsdb.columnar.files import FileWriter
from fsdb.columnar.watermark import Watermark
from fsdb.columnar.work import working


def write(
    url: str,
    warehouse: str,
    name: str,
    bucketed: tuple[str, int] | None,
    batches: Callable[[pa.Schema], Iterable[pa.RecordBatch]],
) -> tuple[int, int]:
    """Fills the copy of a set that has none with versions 1, 2, …, and makes history's position its own: returns versions and bytes.

    bucketed: a key and how many buckets its values go to. batches: versions in the schema that it is given.
    """
    with working(url, warehouse) as work:
        registered = get_set(work.control, name)
        copy = work.created(registered)
        if bucketed is not None:
            work.catalog.drop_table(table.identifier(registered))
            copy = table.create(
                work.catalog, table.identifier(registered), registered, work.warehouse, work.owner, bucketed
            )
        change = table.Change(copy)
        writer = FileWriter(copy.io, change.metadata)
        rows = 0
        for batch in batches(writer.schema):
            writer.write(batch)
            rows += batch.num_rows
        files = writer.close()
        history = Literal(registered.history.as_string())
        work.control.execute(
            SQL("SELECT setval(pg_get_serial_sequence({}, 'version_id'), {})").format(history, Literal(rows))
        )
        seen = snapshots.now(work.control)
        change.append(files, Watermark(seen.text, rows, 0, rows))
        change.commit()
    return rows, sum(file.file_size_in_bytes for file in files)
