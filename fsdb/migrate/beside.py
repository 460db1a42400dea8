"""What Alembic's own comparison finds in an environment that migrates an application's tables, too: without what is fsdb's.

fsdb makes and changes its tables, and the columns that it adds to others' tables, itself. The application's metadata may map
them, or not know of them; either way they are no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    MigrateOperation,
    ModifyTableOps,
)

from fsdb.config import CATALOG_SCHEMA, HISTORY_SCHEMA, ICEBERG_SCHEMA, MODEL_SCHEMA, TRAINING_SCHEMA
from fsdb.definitions import BatchSet, FeatureSet
from fsdb.migrate.diff import Definition
from fsdb.migrate.reading import own_tables
from fsdb.sql import query

SCHEMAS: frozenset[str] = frozenset({CATALOG_SCHEMA, HISTORY_SCHEMA, ICEBERG_SCHEMA, MODEL_SCHEMA, TRAINING_SCHEMA})


@dataclass(frozen=True)
class Own:
    """What is fsdb's outside its schemas: tables by schema and name, and columns of others' tables."""

    tables: frozenset[tuple[str, str]]
    columns: frozenset[tuple[str, str, str]]
    default_schema: str

    def without(self, operations: Iterable[MigrateOperation]) -> list[MigrateOperation]:
        """The operations but for those on what is fsdb's."""
        kept: list[MigrateOperation] = []
        for operation in operations:
            if isinstance(operation, ModifyTableOps):
                operation.ops[:] = self.without(operation.ops)
                if operation.is_empty():
                    continue
            if not self._has(operation):
                kept.append(operation)
        return kept

    def _has(self, operation: MigrateOperation) -> bool:
        name = getattr(operation, "table_name", None)
        if name is None:
            return False
        schema = str(getattr(operation, "schema", None) or self.default_schema)
        if schema in SCHEMAS or (schema, name) in self.tables:
            return True
        if isinstance(operation, (AddColumnOp, DropColumnOp)):
            column = operation.column.name if isinstance(operation, AddColumnOp) else operation.column_name
        elif isinstance(operation, AlterColumnOp):
            column = operation.column_name
        else:
            return False
        return (schema, name, column) in self.columns


def own(connection: psycopg.Connection, definitions: Sequence[Definition], default_schema: str | None) -> Own:
    """What is fsdb's in the database, and the live tables that the definitions will make."""
    plain = [one.parts()[0] if isinstance(one, BatchSet) else one for one in definitions]
    wanted = {(one.schema, one.table_name) for one in plain if isinstance(one, FeatureSet) and one.tracks is None}
    columns = connection.execute(query("migrate/catalog", "own_columns")).fetchall()
    return Own(frozenset(own_tables(connection) | wanted), frozenset(columns), default_schema or "public")
