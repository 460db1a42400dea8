"""A copy's Iceberg table: made, loaded, and moved from one snapshot to the next in one commit."""

import os
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.table.update import (
    AddSchemaUpdate,
    RemoveSnapshotsUpdate,
    SetCurrentSchemaUpdate,
    SetLocationUpdate,
    SetPropertiesUpdate,
    TableUpdate,
    update_table_metadata,
)
from pyiceberg.transforms import BucketTransform, IdentityTransform

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar.catalog import PROPERTIES, DatabaseCatalog
from fsdb.columnar.iceberg import (
    FLOOR,
    HIGH,
    LAYOUT,
    LAYOUT_PROPERTY,
    RESTORED,
    SNAPSHOT,
    checked_layout,
    reading,
    watermark_of,
)
from fsdb.columnar.result import SetSync
from fsdb.columnar.schema import EVENT_TIME, VERSION_ID, arrow_of, followed, new_schema, note
from fsdb.columnar.watermark import Watermark

FILE = "columnar/copies"
OWNER_PROPERTY = "fsdb.warehouse"
KEPT_SNAPSHOTS = 10  # in the metadata, which is written anew with each commit; readers hold on to files, not to these

Identifier = tuple[str, str]


def identifier(registered: RegisteredSet) -> Identifier:
    """The name of a set's copy in the Iceberg catalog: namespace and table."""
    return registered.schema_name, registered.table_name


def load(catalog: DatabaseCatalog, name: Identifier, feature_set: str) -> IcebergTable | None:
    """The table of that name, None where there is none. Raises CopyBroken where its metadata cannot be read."""
    try:
        with reading(feature_set, "its metadata"):
            try:
                table = catalog.load_table(name)
            except NoSuchTableError:
                return None
            checked_layout(table.metadata, feature_set)
            _check(table.metadata)
    except ModuleNotFoundError:
        raise
    return table


def create(
    catalog: DatabaseCatalog,
    name: Identifier,
    registered: RegisteredSet,
    warehouse: str,
    owner: str,
    bucketed: tuple[str, int] | None,
) -> IcebergTable:
    """Makes an empty table in a folder of its own: warehouse/owner/history table-random. bucketed: a key column and a number of buckets."""
    schema = new_schema(registered)
    catalog.create_namespace_if_not_exists(name[0])
    return catalog.create_table(
        name,
        schema,
        location=new_location(registered, warehouse, owner),
        partition_spec=_spec(schema, bucketed),
        sort_order=_order(schema),
        properties={
            **PROPERTIES,
            LAYOUT_PROPERTY: str(LAYOUT),
            OWNER_PROPERTY: owner,
            "fsdb.feature_set": registered.name,
        },
    )


def _check(metadata: TableMetadata) -> None:
    """Raises what reading a table's description raises, where it is not as fsdb writes it."""
    schema = metadata.schema()
    for field in schema.fields:
        note(field)
        arrow_of(field.field_type)
    for part in metadata.spec().fields:
        schema.find_field(part.source_id)
        if not isinstance(part.transform, BucketTransform):
            raise ValueError(f"it is partitioned by {part.transform}")
    snapshot = metadata.current_snapshot()
    if snapshot is not None:
        watermark_of(snapshot)
        if (
            snapshot.summary is None
            or int(snapshot.summary["total-records"] or 0) < 0
            or int(snapshot.summary["total-data-files"] or 0) < 0
        ):
            raise ValueError("its snapshot does not say what it holds")


def new_location(registered: RegisteredSet, warehouse: str, owner: str) -> str:
    """A folder that no table has yet."""
    return f"{warehouse}/{owner}/{registered.history_table}-{uuid4().hex[:12]}"


class _Transaction(Transaction):
    """A transaction that keeps the metadata with its changes, which pyiceberg otherwise makes anew each time that it looks."""

    _made: tuple[Any, Any, TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The table's metadata with the changes so far."""
        base, updates = self._table.metadata, self._updates
        if self._made is None or self._made[0] is not base or self._made[1] is not updates:
            self._made = (base, updates, update_table_metadata(base, updates))
        return self._made[2]


class Change:
    """What the next commit of a table changes, prepared step by step; nothing of it is seen before `commit`."""

    def __init__(self, table: IcebergTable) -> None:
        self._table = table
        self._transaction = _Transaction(table)
        self._last_id = table.metadata.last_column_id

    @property
    def metadata(self) -> TableMetadata:
        """The table's metadata with the changes so far: what files must be written for."""
        return self._transaction.table_metadata

    @property
    def io(self) -> FileIO:
        """Where the table's files are read and written."""
        return self._table.io

    @property
    def changed(self) -> bool:
        """Whether anything was changed so far."""
        return bool(self._transaction._updates)

    @property
    def rows(self) -> int:
        """How many versions the table holds with the changes so far."""
        return self._total("total-records")

    def held(self, feature_set: str, written: int, seconds: float) -> SetSync:
        """What the table holds with the changes so far, for the result of what wrote them."""
        files, size = self._total("total-data-files"), self._total("total-files-size")
        return SetSync(feature_set, written, self.rows, seconds, files, size, self.metadata.location)

    def _total(self, name: str) -> int:
        snapshot = self.metadata.current_snapshot()
        return 0 if snapshot is None or snapshot.summary is None else int(snapshot.summary[name] or 0)

    def discard(self) -> None:
        """Removes the manifests that were written for a commit that failed."""
        for producer in self._transaction._snapshot_producers:
            producer._clean_all_uncommitted()

    def follow(self, registered: RegisteredSet) -> None:
        """Takes over the columns that history has now. Raises CopyBroken for a type that cannot follow."""
        schema = self.metadata.schema()
        wanted = followed(schema, self._last_id, registered)
        if wanted is not schema:
            self._stage(AddSchemaUpdate(schema=wanted), SetCurrentSchemaUpdate())

    def move_to(self, warehouse: str, owner: str, registered: RegisteredSet) -> None:
        """Writes to a new folder from here on, where the table's is another database's."""
        location = new_location(registered, warehouse, owner)
        self._table.io.add(location)  # type: ignore[attr-defined]  # tables of this catalog's have OwnFiles
        self._stage(SetLocationUpdate(location=location), SetPropertiesUpdate(updates={OWNER_PROPERTY: owner}))

    def append(self, files: Iterable[DataFile], watermark: Watermark) -> None:
        """Adds files, and says which versions the table holds then."""
        update = self._transaction.update_snapshot(snapshot_properties=said(watermark))
        with update.merge_append() as appended:
            for file in files:
                appended.append_data_file(file)

    def replace(self, old: Sequence[DataFile], new: Iterable[DataFile], watermark: Watermark) -> None:
        """Puts files in the place of others that hold the same versions."""
        update = self._transaction.update_snapshot(snapshot_properties=said(watermark))
        with update.overwrite() as overwritten:
            for file in old:
                overwritten.delete_data_file(file)
            for file in new:
                overwritten.append_data_file(file)

    def forget(self, snapshot_ids: list[int]) -> None:
        """Takes snapshots out of the metadata."""
        self._stage(RemoveSnapshotsUpdate.model_validate({"snapshot-ids": snapshot_ids}))

    def commit(self) -> None:
        """Makes the changes seen, all at once. Raises pyiceberg's CommitFailedException where another commit came first."""
        kept = {snapshot.snapshot_id for snapshot in _newest(self.metadata)}
        gone = [s.snapshot_id for s in self.metadata.snapshots if s.snapshot_id not in kept]
        if gone:
            self.forget(gone)
        self._transaction.commit_transaction()

    def _stage(self, *updates: TableUpdate) -> None:
        self._transaction._apply(updates)


def said(watermark: Watermark) -> dict[str, str]:
    """A watermark as a snapshot's properties."""
    return {
        SNAPSHOT: watermark.snapshot,
        HIGH: str(watermark.high),
        RESTORED: str(watermark.restored),
        FLOOR: str(watermark.floor),
        "fsdb.process": str(os.getpid()),
    }


def watermark(table: IcebergTable) -> Watermark | None:
    """Which versions the table holds; None before the first sync ended."""
    snapshot = table.metadata.current_snapshot()
    return None if snapshot is None else watermark_of(snapshot)


def _newest(metadata: TableMetadata) -> list[Any]:
    return sorted(metadata.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)[-KEPT_SNAPSHOTS:]


def _spec(schema: Schema, bucketed: tuple[str, int] | None) -> PartitionSpec:
    if bucketed is None:
        return PartitionSpec()
    key, count = bucketed
    return PartitionSpec(PartitionField(schema.find_field(key).field_id, 1000, BucketTransform(count), "bucket"))


def _order(schema: Schema) -> SortOrder:
    keys = [field.field_id for field in schema.fields if (n := note(field)) and n.feature_id is None]
    return SortOrder(*(SortField(i, transform=IdentityTransform()) for i in (*keys, EVENT_TIME, VERSION_ID)))
