"""An oracle that knows nothing of what fsdb keeps where: looks for a text in every table of a database and in every file of a folder."""

from pathlib import Path

import psycopg
import pyarrow.parquet as pq
from psycopg.sql import SQL, Identifier
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import read_manifest_list


def tables_with(connection: psycopg.Connection, text: str) -> list[str]:
    """Every table, the catalog's own and statistics too, of which a row shows the text."""
    tables = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm')"
    ).fetchall()
    return [
        f"{schema}.{table}"
        for schema, table in tables
        if connection.execute(
            SQL("SELECT EXISTS (SELECT FROM {} x WHERE strpos(x::text, %s) > 0)").format(Identifier(schema, table)),
            (text,),
        ).fetchone()
        == (True,)
    ]


def files_with(folder: Path, text: str) -> list[str]:
    """Every file that holds the text: as bytes, in a column of Parquet, or in a bound of an Iceberg manifest."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and _holds(path, text))


def _holds(path: Path, text: str) -> bool:
    if text.encode() in path.read_bytes():
        return True
    if path.suffix == ".parquet":
        return any(text in str(column.to_pylist()) for column in pq.read_table(path, partitioning=None).columns)
    if path.name.startswith("snap-"):
        io = PyArrowFileIO()
        entries = [
            entry
            for manifest in read_manifest_list(io.new_input(str(path)))
            for entry in manifest.fetch_manifest_entry(io, discard_deleted=False)
        ]
        return text.encode() in b"".join(
            bound
            for entry in entries
            for bounds in (entry.data_file.lower_bounds, entry.data_file.upper_bounds)
            for bound in (bounds or {}).values()
        )
    return False
