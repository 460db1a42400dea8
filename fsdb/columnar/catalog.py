"""The Iceberg catalog in the same database: which table is whose copy, and where its current metadata is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from psycopg import Connection
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.pool import StaticPool

from fsdb.columnar.iceberg import io_properties
from fsdb.config import ICEBERG_SCHEMA
from fsdb.db import connect

NAME = "fsdb"


class DatabaseCatalog(SqlCatalog):
    """pyiceberg's SQL catalog on one connection of its own to the database at `url`; its tables are in the schema fsdb_iceberg."""

    def __init__(self, url: str) -> None:
        MetastoreCatalog.__init__(self, NAME, **io_properties())

        def connected() -> Connection[Any]:
            return connect(url, "fsdb sync")

        engine = sa.create_engine("postgresql+psycopg://", creator=connected, poolclass=StaticPool)
        self.engine = engine.execution_options(schema_translate_map={None: ICEBERG_SCHEMA})
        self._schema_version = "v1"


@contextmanager
def opened(url: str) -> Iterator[DatabaseCatalog]:
    """The catalog, whose connection closes with the block."""
    catalog = DatabaseCatalog(url)
    try:
        yield catalog
    finally:
        catalog.engine.dispose()
