"""The Iceberg catalog in the same database: which table is whose copy, and where its current metadata is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from psycopg import Connection
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import FileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.typedef import EMPTY_DICT, Properties
from sqlalchemy.pool import StaticPool

from fsdb.columnar.iceberg import OwnFiles, io_properties
from fsdb.columnar.places import Outside, table_folder
from fsdb.config import ICEBERG_SCHEMA
from fsdb.db import connect
from fsdb.sql import query

FILE = "columnar/copies"
NAME = "fsdb"
# How copies are written. What else a metadata file has as properties is not taken over: by some of them it would name code
# to run, servers to call and places to write to.
PROPERTIES = {
    "format-version": "2",
    # Another sync's commit in between must fail this one: its versions would be there twice.
    "commit.retry.num-retries": "0",
    "write.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "8",
    "write.parquet.compression-codec": "snappy",
}
_OWN = "fsdb."


class DatabaseCatalog(SqlCatalog):
    """pyiceberg's SQL catalog on one connection of its own to the database at `url`; its tables are in the schema fsdb_iceberg.

    A table that it loads reads and writes in its own folder alone, with fsdb's properties, whatever its metadata says.
    """

    def __init__(self, url: str) -> None:
        MetastoreCatalog.__init__(self, NAME, **io_properties())

        def connected() -> Connection[Any]:
            self._connection = connect(url, "fsdb sync")
            return self._connection

        engine = sa.create_engine("postgresql+psycopg://", creator=connected, poolclass=StaticPool)
        self.engine = engine.execution_options(schema_translate_map={None: ICEBERG_SCHEMA})
        self._schema_version = "v1"

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> IcebergTable:
        namespace, name, location = orm_table.table_namespace, orm_table.table_name, orm_table.metadata_location
        if location is None:
            raise NoSuchTableError(f"{namespace}.{name} has no metadata")
        named = {"namespace": namespace, "table": name}
        row = self._connection.execute(query(FILE, "places"), named).fetchone()
        assert row is not None
        former, owners = row
        folder = table_folder(location, owners)
        io = OwnFiles([folder, *former])
        metadata = FromInputFile.table_metadata(io.new_input(location))
        if metadata.location.rstrip("/") != folder:
            raise Outside(metadata.location, [folder])
        said = {key: value for key, value in metadata.properties.items() if key.startswith(_OWN)}
        own = metadata.model_copy(update={"properties": {**PROPERTIES, **said}})
        return IcebergTable((namespace, name), own, location, io, self)

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        del properties
        assert location is not None
        return OwnFiles([location.rpartition("/metadata/")[0]])


@contextmanager
def opened(url: str) -> Iterator[DatabaseCatalog]:
    """The catalog, whose connection closes with the block."""
    catalog = DatabaseCatalog(url)
    try:
        yield catalog
    finally:
        catalog.engine.dispose()
