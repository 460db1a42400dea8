"""Erasure from copies: which versions of some entities a copy holds, and files written anew without what was erased.

What is to leave is noted in the erasure's own transaction, and from then on nobody reads the copy. The copy is made anew in another
folder, without those versions; then every other folder that ever held a copy of the set goes, with all that is in it: data files, and
manifests, whose bounds are values of keys. A process that dies on the way leaves the note, and the next one begins again.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
from numpy.typing import NDArray

from fsdb.access import erasures
from fsdb.catalog.feature_sets import list_sets
from fsdb.columnar import rebuilding
from fsdb.columnar.contents import FIELD_ID, batches
from fsdb.columnar.copies import Copy
from fsdb.columnar.expiry import cleaning, removed_folder
from fsdb.columnar.folders import parent
from fsdb.columnar.iceberg import file_io, file_system
from fsdb.columnar.work import COPIES, Work, working
from fsdb.sql import query

VERSION = "version_id"


def resume(
    url: str, feature_sets: Sequence[str] | None = None, *, warehouse: str | None = None
) -> tuple[list[str], list[str]]:
    """What fsdb.columnar.resume_erasures does."""
    with working(url, warehouse) as work:
        done = settle(work, feature_sets)
        return done, work.notices


def settle(work: Work, feature_sets: Sequence[str] | None = None) -> list[str]:
    """Writes the copies anew of which something is to leave, those of the named sets or all, and returns the sets."""
    done = []
    for name, history_table in erasures.pending(work.control).items():
        if feature_sets is not None and name not in feature_sets:
            continue
        warehouse = work.warehouse
        with work.alone(name):
            if not erasures.pending(work.control, name):
                continue  # another process was quicker
            registered = list_sets(work.control, [name]).get(name)
            copy = None if registered is None else work.loaded(registered)
            if registered is not None and copy is not None:
                if work.owns(copy.location()):  # it stays in its warehouse, whichever one new copies go to
                    work.warehouse = parent(parent(copy.location()))
                rebuilding.rebuild_set(work, registered, None, erasures.pending_versions(work.control, name))
            copy = None if registered is None else work.loaded(registered)
            work.forget_dropped()
            _remove_others(work, history_table, None if copy is None else copy.location().rstrip("/"))
            erasures.finished(work.control, name)
            work.warehouse = warehouse
            done.append(name)
    return done


def held(copy: Copy, keys: Sequence[str], wanted: pa.Table) -> NDArray[np.int64]:
    """The versions of some entities that a copy holds. wanted: their keys, a column each, in the copy's types."""
    named = {column.name: column for column in copy.columns}
    schema = pa.schema(
        [pa.field(name, named[name].type, metadata={FIELD_ID: str(named[name].field_id)}) for name in (VERSION, *keys)]
    )
    found = [np.empty(0, np.int64)]
    for file in copy.files:
        for batch in batches(file_io(file.path), file.path, schema, copy.feature_set):
            rows = pa.Table.from_batches([batch.replace_schema_metadata(None)])
            matching = rows.join(wanted, keys=list(keys), join_type="left semi")
            found.append(matching.column(VERSION).to_numpy())
    return np.concatenate(found)


def _remove_others(work: Work, history_table: str, present: str | None) -> None:
    """Removes every folder that holds or held a copy of the set, but for that of the present one, whatever still reads there."""
    own = re.compile(rf"{re.escape(history_table)}-[0-9a-f]{{12}}")
    roots = {f"{work.warehouse}/{work.owner}"} | ({parent(present)} if present is not None else set())
    left = [location for location, *_ in work.control.execute(query(COPIES, "all_leftovers")).fetchall()]
    noted = {location for location in left if any(own.fullmatch(part) for part in location.split("/"))}
    roots |= {parent(_folder(location, own)) for location in noted}
    for root in sorted(roots):
        with cleaning(root):
            for location in _folders(root):
                if own.fullmatch(location.rpartition("/")[2]) and location != present:
                    if work.owns(location):
                        removed_folder(location)
                    else:
                        work.notices.append(
                            f"{location} is in the folder of another database, which this one was restored or cloned from: erase there, too."
                        )
    work.control.execute(query(COPIES, "forget_leftovers"), {"locations": sorted(noted)})


def _folder(location: str, own: re.Pattern[str]) -> str:
    """The folder of the copy that a place is in."""
    parts = location.rstrip("/").split("/")
    last = next(number for number, part in enumerate(parts) if own.fullmatch(part))
    return "/".join(parts[: last + 1])


def _folders(root: str) -> list[str]:
    system, path = file_system(root)
    prefix = root.removesuffix(path)
    found = system.get_file_info(pafs.FileSelector(path, allow_not_found=True))
    return [prefix + info.path.rstrip("/") for info in found if info.type == pafs.FileType.Directory]
