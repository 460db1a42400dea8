"""What Iceberg's metadata and manifests say of a copy, in fsdb's terms."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import fsspec
import psycopg
import pyarrow.fs as pafs
import sqlalchemy as sa
from pyiceberg.avro import file as avro_file
from pyiceberg.avro.decoder import StreamingBinaryDecoder
from pyiceberg.io import S3_ENDPOINT, S3_REGION, FileIO, InputFile, OutputFile, load_file_io
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestFile
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from fsdb import db
from fsdb.columnar.bounds import unpacked
from fsdb.columnar.copies import Copy, CopyColumn, CopyFile
from fsdb.columnar.places import Outside, is_within, table_folder
from fsdb.columnar.reading import broken, server_lost
from fsdb.columnar.schema import arrow_of, note
from fsdb.columnar.watermark import Watermark
from fsdb.errors import CopyBroken

# The compiled decoder reads past the end of manifests that say wrong lengths. The other takes half as long again.
avro_file.new_decoder = StreamingBinaryDecoder  # type: ignore[attr-defined, assignment]
LAYOUT = 1  # how this fsdb writes copies; a newer one may write them so that this one must not read them
LAYOUT_PROPERTY = "fsdb.layout"
_ANY_REGION = "us-east-1"  # of endpoints that are not Amazon's: without one, pyiceberg would ask Amazon
SNAPSHOT, HIGH, RESTORED, FLOOR = "fsdb.snapshot", "fsdb.high", "fsdb.restored", "fsdb.floor"


def file_io(location: str) -> FileIO:
    """Reads and writes files at this place: the local file system or any that pyiceberg knows by the URL's scheme."""
    return _file_io(location.partition("://")[0] if "://" in location else "file", tuple(io_properties().items()))


def file_system(location: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a place, and the place's path in it."""
    io = file_io(location)
    if isinstance(io, PyArrowFileIO):
        scheme, host, path = io.parse_location(location)
        return io.fs_by_scheme(scheme, host), path
    system, path = fsspec.core.url_to_fs(location)
    return pafs.PyFileSystem(pafs.FSSpecHandler(system)), path


def io_properties() -> dict[str, str]:
    """What pyiceberg must be told of S3: the endpoint and region of the environment, which Arrow's client does not look for.

    Credentials are not among them: the client finds these itself, in the environment, a profile or the machine's role, and renews them.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint and not region:
        region = _ANY_REGION
    return {name: value for name, value in ((S3_ENDPOINT, endpoint), (S3_REGION, region)) if value}


@cache
def _file_io(scheme: str, properties: tuple[tuple[str, str], ...]) -> FileIO:
    # One for all of a process: each opens connections of its own, and goes on with them.
    return load_file_io(dict(properties), f"{scheme}://")


class OwnFiles(FileIO):
    """Reads, writes and removes files in some tables' folders, and refuses any other that a metadata file names.

    The classes that a table's properties name are not asked, nor are the properties: what is needed is in the environment.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__()
        self._folders = list(folders)

    def add(self, folder: str) -> None:
        """Takes a further folder for the table's own."""
        self._folders.append(folder)

    def new_input(self, location: str) -> InputFile:
        """The file at this location, to read. Raises Outside."""
        return self._of(location).new_input(location)

    def new_output(self, location: str) -> OutputFile:
        """The file at this location, to write. Raises Outside."""
        return self._of(location).new_output(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Removes the file at this location. Raises Outside."""
        place = location if isinstance(location, str) else location.location
        self._of(place).delete(place)

    def _of(self, location: str) -> FileIO:
        if not any(is_within(location, folder) for folder in self._folders):
            raise Outside(location, self._folders)
        return file_io(location)


def read(location: str, feature_set: str, former: Sequence[str], owners: Sequence[str]) -> Copy | None:
    """The copy whose metadata is at this place; None where nothing was synced into it yet. Raises CopyBroken where it cannot be read.

    former: folders that its files may be in beside its own. owners: names of databases' folders.
    """
    with reading(feature_set, location):
        io = OwnFiles([table_folder(location, owners), *former])
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
        for file in files:
            io.new_input(file.path)  # which refuses one elsewhere: others than Iceberg's library open it
        return Copy(feature_set, snapshot.snapshot_id, watermark_of(snapshot), columns, files)


def _noted(field: Any) -> tuple[int | None, str]:
    found = note(field)
    return (None, "") if found is None else (found.feature_id, found.kind)


def file_problems(copy: Copy) -> dict[str, str]:
    """What is wrong with files of a copy, by path: gone, or of another size."""
    if not copy.files:
        return {}
    io = file_io(copy.files[0].path)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda file: _problem(io, file), copy.files)
        return {file.path: problem for file, problem in zip(copy.files, found, strict=True) if problem is not None}


def watermark_of(snapshot: Snapshot) -> Watermark:
    """The watermark that a snapshot of a copy carries."""
    assert snapshot.summary is not None
    said = snapshot.summary.additional_properties
    return Watermark(said[SNAPSHOT], int(said[HIGH]), int(said[RESTORED]), int(said[FLOOR]))


def checked_layout(metadata: TableMetadata, feature_set: str) -> None:
    """Raises CopyBroken for a copy that a newer fsdb wrote in a way that this one does not know."""
    layout = int(metadata.properties.get(LAYOUT_PROPERTY, "0"))
    if layout > LAYOUT:
        raise CopyBroken(
            f"The columnar copy of {feature_set} was made by a newer fsdb (layout {layout}, this one knows {LAYOUT}): upgrade fsdb here, or make the copy again with fsdb sync --rebuild {feature_set}."
        )


def data_files(io: FileIO, snapshot: Snapshot) -> Iterator[DataFile]:
    """The data files of a snapshot, as its manifests list them."""
    manifests: Sequence[ManifestFile] = snapshot.manifests(io)
    for manifest in manifests:
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
            file = entry.data_file
            if file.content != DataFileContent.DATA or file.file_format != FileFormat.PARQUET:
                raise ValueError(f"{file.file_path} is not a Parquet file of rows, and fsdb writes no others")
            if file.record_count < 0 or file.file_size_in_bytes < 0:
                raise ValueError(f"{file.file_path} is said to have {file.record_count} rows")
            yield file


@contextmanager
def reading(feature_set: str, location: str) -> Iterator[None]:
    """Says a file that cannot be read in the project's words."""
    try:
        yield
    except (CopyBroken, psycopg.Error, sa.exc.SQLAlchemyError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(cause, psycopg.Error) and db.went_away(cause):
            raise server_lost(cause) from error
        raise  # the database's own troubles are no fault of the copy
    except FileNotFoundError as error:
        named = (location, f"or a file that it names is gone ({error})")
        raise broken(feature_set, *((error.filename, "is gone") if error.filename else named)) from error
    except Exception as error:  # whatever the formats' readers raise for what is not such a file
        raise broken(feature_set, location, f"or what it names is not readable ({error})") from error


def _problem(io: FileIO, file: CopyFile) -> str | None:
    try:
        found = len(io.new_input(file.path))
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be reached ({error})"
    return None if found == file.bytes else f"has {found:,} bytes instead of {file.bytes:,}"
