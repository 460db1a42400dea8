"""Reading which files a copy consists of: one query for the place of its metadata, then files that never change."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

from psycopg import Connection
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestFile
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from fsdb.columnar.bounds import unpacked
from fsdb.columnar.catalog import file_io
from fsdb.columnar.copies import Copy, CopyColumn, CopyFile
from fsdb.columnar.schema import arrow_of, note, same_digits
from fsdb.columnar.watermark import Watermark
from fsdb.errors import CopyBroken
from fsdb.sql import query

FILE = "columnar/copies"
LAYOUT = 1  # how this fsdb writes copies; a newer one may write them so that this one must not read them
LAYOUT_PROPERTY = "fsdb.layout"
SNAPSHOT, HIGH, RESTORED, FLOOR = "fsdb.snapshot", "fsdb.high", "fsdb.restored", "fsdb.floor"
_KEPT = 256  # copies remembered; a Copy is small but for its list of files

_remembered: "OrderedDict[str, Copy | None]" = OrderedDict()
_remembering = Lock()


def read_copy(connection: Connection[Any], feature_set: str) -> Copy | None:
    """The current copy of a set, under the names that its features have now; None where it was never synced.

    Reads what the connection sees; a reader must take its own snapshot of PostgreSQL after this. Raises CopyBroken where the
    copy cannot be read.
    """
    row = _place(connection, feature_set)
    if row is None:
        return None
    try:
        copy = _at(row[0], feature_set)
    except CopyBroken:
        again = _place(connection, feature_set)  # replaced and cleaned up while it was read
        if again is None or again[0] == row[0]:
            raise
        row = again
        copy = _at(row[0], feature_set)
    return None if copy is None else _named(copy, row[1], row[2], row[3])


def check_files(copy: Copy) -> None:
    """Raises CopyBroken where a file of the copy is gone or of another size. Looks at each file, but does not open it."""
    if not copy.files:
        return
    io = file_io(copy.files[0].path)
    with ThreadPoolExecutor(8) as pool:
        for file, problem in zip(copy.files, pool.map(lambda file: _problem(io, file), copy.files), strict=True):
            if problem is not None:
                raise broken(copy.feature_set, file.path, problem)


def broken(feature_set: str, path: str, problem: str) -> CopyBroken:
    """What to say where a file of a copy cannot be read."""
    return CopyBroken(
        f"The columnar copy of {feature_set} cannot be read: {path} {problem}. Run fsdb sync --rebuild {feature_set} to make it anew from history."
    )


def watermark_of(snapshot: IcebergSnapshot) -> Watermark:
    """The watermark that a snapshot of a copy carries."""
    assert snapshot.summary is not None
    said = snapshot.summary.additional_properties
    return Watermark(said[SNAPSHOT], int(said[HIGH]), int(said[RESTORED]), int(said[FLOOR]))


def checked_layout(metadata: TableMetadata, feature_set: str) -> None:
    """Raises CopyBroken for a copy that a newer fsdb wrote in a way that this one does not know."""
    layout = int(metadata.properties.get(LAYOUT_PROPERTY, "0"))
    if layout > LAYOUT:
        raise CopyBroken(
            f"The columnar copy of {feature_set} was made by a newer fsdb (layout {layout}, this one knows {LAYOUT}): upgrade fsdb here, or make the copy anew with fsdb sync --rebuild {feature_set}."
        )


def data_files(io: FileIO, snapshot: IcebergSnapshot) -> Iterator[Any]:
    """The data files of a snapshot, as its manifests list them."""
    manifests: Sequence[ManifestFile] = snapshot.manifests(io)
    for manifest in manifests:
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
            yield entry.data_file


@contextmanager
def reading(feature_set: str, location: str) -> Iterator[None]:
    """Says a file that cannot be read in the project's words."""
    try:
        yield
    except CopyBroken:
        raise
    except FileNotFoundError as error:
        raise broken(feature_set, error.filename or location, "is gone") from error
    except Exception as error:  # whatever the formats' readers raise for what is not such a file
        raise broken(feature_set, location, f"or what it names is not readable ({error})") from error


def _place(connection: Connection[Any], feature_set: str) -> tuple[str, list[int], list[str], list[str]] | None:
    return connection.execute(query(FILE, "place"), {"feature_set": feature_set}).fetchone()


def _at(location: str, feature_set: str) -> Copy | None:
    with _remembering:
        if location in _remembered:
            _remembered.move_to_end(location)
            return _remembered[location]
    copy = _read(location, feature_set)
    with _remembering:
        _remembered[location] = copy
        while len(_remembered) > _KEPT:
            _remembered.popitem(last=False)
    return copy


def _read(location: str, feature_set: str) -> Copy | None:
    with reading(feature_set, location):
        io = file_io(location)
        metadata = FromInputFile.table_metadata(io.new_input(location))
        checked_layout(metadata, feature_set)
        snapshot = metadata.current_snapshot()
        if snapshot is None:
            return None
        names = {field.field_id: (field.name, arrow_of(field.field_type)) for field in metadata.schema().fields}
        columns = tuple(
            CopyColumn(field.field_id, field.name, arrow_of(field.field_type), *_noted(field))
            for field in metadata.schema().fields
        )
        files = tuple(
            CopyFile(
                str(file.file_path),
                int(file.record_count),
                int(file.file_size_in_bytes),
                unpacked(file.lower_bounds or {}, names, upper=False),
                unpacked(file.upper_bounds or {}, names, upper=True),
            )
            for file in data_files(io, snapshot)
        )
        return Copy(feature_set, snapshot.snapshot_id, watermark_of(snapshot), columns, files)


def _noted(field: Any) -> tuple[int | None, str]:
    found = note(field)
    return (None, "") if found is None else (found.feature_id, found.kind)


def _named(copy: Copy, ids: list[int], names: list[str], kinds: list[str]) -> Copy:
    """The copy with its features under the names that they have in history now."""
    now = dict(zip(ids, zip(names, kinds, strict=True), strict=True))
    columns = tuple(
        replace(column, name=now[column.feature_id][0]) if column.feature_id in now else column
        for column in copy.columns
    )
    for column in columns:
        if column.feature_id in now and not same_digits(column.kind, now[column.feature_id][1]):
            raise CopyBroken(
                f"Column {column.name!r} of {copy.feature_set} became {now[column.feature_id][1]} after its columnar copy was written, where its digits differ: run fsdb sync --rebuild {copy.feature_set}."
            )
    return copy if columns == copy.columns else replace(copy, columns=columns)


def _problem(io: FileIO, file: CopyFile) -> str | None:
    try:
        found = len(io.new_input(file.path))
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be reached ({error})"
    return None if found == file.bytes else f"has {found:,} bytes instead of {file.bytes:,}"


def forget() -> None:
    """Forgets every copy that was read, so that its files are read again."""
    with _remembering:
        _remembered.clear()
