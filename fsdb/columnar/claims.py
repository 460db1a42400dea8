"""Whose a folder of copies is: a clone of this database's server knows the same folder and must not go on with it.

Each work on copies leaves a new word in the folder, as the name of an empty file, `claim-<word>`, and notes the word in the
database before. The next work finds words there that were noted. A clone has the notes that were there when it was made:
whichever of the two works first takes the folder, and the other one finds a word there that it never noted.
"""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pyarrow.fs as pafs
from psycopg import Connection

from fsdb import db
from fsdb.columnar.iceberg import file_system
from fsdb.sql import query

FILE = "columnar/copies"
_PREFIX = "claim-"


def taken_over(connection: Connection[Any], folder: str) -> bool:
    """Whether another database has worked in a folder that was this one's. Raises OSError where that cannot be looked at."""
    found = _found(folder)  # before the notes are read: each of these was noted before it was left
    return bool(found - _noted(connection, folder))


def claim(url: str, folder: str) -> bool:
    """Makes a folder this database's for the work that follows; False where another one has worked in it.

    Raises OSError where it cannot be read or written.
    """
    # Committed at once, beside the caller's transaction: others of this database see the note before they see the file.
    with db.connect(url, "fsdb sync", autocommit=True) as apart:
        before = _found(folder)
        if before - _noted(apart, folder):
            return False
        word = uuid4().hex
        apart.execute(query(FILE, "note_claim"), {"folder": folder, "word": word})
        system, path = file_system(folder)
        with system.open_output_stream(f"{path}/{_PREFIX}{word}"):
            pass
        # A clone that does the same at this moment sees this word, or this database sees the clone's.
        alone = not _found(folder) - _noted(apart, folder)
        for gone in before if alone else {word}:
            with suppress(FileNotFoundError):
                system.delete_file(f"{path}/{_PREFIX}{gone}")
        if alone:
            apart.execute(query(FILE, "forget_claims"), {"folder": folder, "word": word})
        return alone


def _noted(connection: Connection[Any], folder: str) -> set[str]:
    return {word for (word,) in connection.execute(query(FILE, "noted_claims"), {"folder": folder})}


def _found(folder: str) -> set[str]:
    """The words in a folder."""
    system, path = file_system(folder)
    files = system.get_file_info(pafs.FileSelector(path, allow_not_found=True))
    return {info.base_name.removeprefix(_PREFIX) for info in files if info.base_name.startswith(_PREFIX)}
