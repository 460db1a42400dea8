"""Whether a location is a copy's own: what a metadata file or a row names is followed only within the copy's folder.

Whoever may write the warehouse's files, or a row that names one, would otherwise choose what is read, and what `expire` removes. Locations are
compared as texts, and on this machine also by where they lead: through no link, by no "..". A copy's folder is
warehouse/owner/table; in it fsdb names every file itself, in plain letters.
"""

import os
import re
from collections.abc import Iterable

_NAMED = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._=-]*/)*[A-Za-z0-9_][A-Za-z0-9._=-]*")
_METADATA = re.compile(r"(.+)/metadata/[A-Za-z0-9_][A-Za-z0-9._-]*(?<!\.gz)\.metadata\.json")  # fsdb packs none


class Outside(OSError):
    """A location that is not the copy's own."""

    def __init__(self, location: str, folders: Iterable[str] = ()) -> None:
        named = " or ".join(folders)
        super().__init__(f"{location[:200]!r} is not in the copy's folder{' ' if named else ''}{named}")


def table_folder(metadata_location: str, owners: Iterable[str]) -> str:
    """The folder of the table whose metadata is at this location: warehouse/owner/table. Raises Outside for one that is not named so."""
    found = _METADATA.fullmatch(metadata_location)
    folder = found[1] if found is not None else ""
    owner, table = (["", *folder.split("/")])[-2:]
    if owner not in owners or not _is_name(table) or not is_within(metadata_location, folder):
        raise Outside(metadata_location)
    return folder


def is_within(location: str, folder: str) -> bool:
    """Whether a file is in a table's folder, under a name as fsdb gives them."""
    inside, outer = _plain(location), _plain(folder)
    if not inside.startswith(f"{outer}/") or not _NAMED.fullmatch(rest := inside[len(outer) + 1 :]):
        return False
    return _is_elsewhere(outer) or os.path.realpath(inside) == f"{os.path.realpath(outer)}/{rest}"


def is_table_of(location: str, folder: str) -> bool:
    """Whether a location is that of a table's folder right in a database's folder: written in no other way than fsdb writes it."""
    name = location.rpartition("/")[2]
    if location != f"{folder}/{name}" or not _is_name(name):
        return False
    outer, inside = _plain(folder), _plain(location)
    return _is_elsewhere(outer) or os.path.realpath(inside) == f"{os.path.realpath(outer)}/{name}"


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and name.isprintable() and "\\" not in name


def _plain(location: str) -> str:
    return location.removeprefix("file://") if location.startswith("file:///") else location


def _is_elsewhere(folder: str) -> bool:
    """Whether a folder is not on this machine, where a location is no more than its text."""
    return "://" in folder
