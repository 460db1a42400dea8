"""How the copies stand: can every file be read, do they hold as many versions as they should, is much not in them yet?"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.folders import elsewhere
from fsdb.columnar.reading import broken, check_files, read_copy
from fsdb.errors import CopyBroken
from fsdb.sql import query

FILE = "columnar/sync"
LONG_TAIL = 1_000_000  # versions not in the copy from which a sync is advised, where they are also this share of all
_SHARE = 0.2


@dataclass(frozen=True)
class CopyProblem:
    """What is not as it should be with a set's copy. Where nothing is wrong it is slow at most."""

    feature_set: str
    sentence: str
    wrong: bool


def copy_problems(connection: Connection[Any]) -> list[CopyProblem]:
    """What is not as it should be, for each set that has a copy. Looks at every file's end and counts every set's versions."""
    problems = []
    for name, registered in list_sets(connection).items():
        try:
            copy = read_copy(connection, name)
            if copy is not None:
                check_files(copy)
                _check_ends(copy)
        except CopyBroken as error:
            problems.append(CopyProblem(name, str(error), True))
            continue
        if copy is None:
            if registered.reach is not None:
                sentence = f"Versions of {name} before {registered.reach} have left PostgreSQL, and there is no columnar copy of it: restore the database from a backup."
                problems.append(CopyProblem(name, sentence, True))
            continue
        problems += _counted(connection, registered, copy)
    return problems


def _counted(connection: Connection[Any], registered: RegisteredSet, copy: Copy) -> list[CopyProblem]:
    tail = copy.watermark.tail("version")
    row = connection.execute(query(FILE, "held", history=registered.history, tail=tail)).fetchone()
    assert row is not None
    every, rest = row
    within = every - rest
    if copy.rows < within or (copy.rows > within and registered.reach is None):
        sentence = f"The columnar copy of {copy.feature_set} holds {copy.rows:,} versions where history has {within:,}: run fsdb sync --rebuild {copy.feature_set}."
        return [CopyProblem(copy.feature_set, sentence, True)]
    if (path := elsewhere(connection, copy)) is not None:
        sentence = f"Files of the columnar copy of {copy.feature_set} are in the folder of a database that this one was restored or cloned from, which may clean them up ({path}): run fsdb sync --rebuild {copy.feature_set}."
        return [CopyProblem(copy.feature_set, sentence, False)]
    if rest >= LONG_TAIL and rest >= _SHARE * every:
        sentence = f"{rest:,} versions of {copy.feature_set} are not in its columnar copy yet, which slows large training sets down: run fsdb sync."
        return [CopyProblem(copy.feature_set, sentence, False)]
    return []


def _check_ends(copy: Copy) -> None:
    """Raises CopyBroken where a file does not end as a Parquet file, or says that it has other rows."""
    from fsdb.columnar.iceberg import file_io

    if not copy.files:
        return
    io = file_io(copy.files[0].path)

    def problem(file: CopyFile) -> str | None:
        try:
            with io.new_input(file.path).open() as source:
                rows = pq.read_metadata(source).num_rows
        except Exception as error:  # whatever the format's reader raises for what is no such file
            return f"is not readable ({error})"
        return None if rows == file.rows else f"has {rows:,} rows instead of {file.rows:,}"

    with ThreadPoolExecutor(8) as pool:
        for file, found in zip(copy.files, pool.map(problem, copy.files), strict=True):
            if found is not None:
                raise broken(copy.feature_set, file.path, found)
