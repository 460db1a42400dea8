"""Hundreds of sets at a glance: what each was compiled to is kept in the catalog and held against the database in one statement.

To compile a set takes longer than to look at its objects. So a set whose definition and whose fsdb are those that it was compiled with is not
compiled again. Whatever is not plainly as it should be is looked at closely, set by set (`status.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.compiler import compile_set
from fsdb.history.live import plain
from fsdb.history.objects import GeneratedObject
from fsdb.history.row_policy import POLICY
from fsdb.history.status import ObjectStatus
from fsdb.sql import data_folder, query

FILE = "history/glance"
_PACKAGE = Path(__file__).parent.parent
# What compiling uses, beside this folder and its texts.
_BESIDE = ("config.py", "definitions/feature_sets.py", "sql.py", "types.py")


@dataclass(frozen=True)
class Sound:
    """A set of which everything is installed as it should be: its tables, and the objects as `status` gives them."""

    live_schema: str
    live_table: str
    history_table: str
    tracked: bool
    objects: tuple[ObjectStatus, ...]


def sound(connection: Connection[Any]) -> dict[str, Sound]:
    """The sets that are plainly as they should be, by name in order. Others may be so, too."""
    given = {"code": code(), "names": None}
    statement = query(FILE, "sound", digests=query(FILE, "digests"))
    rows = psycopg.Cursor(connection).execute(statement, given).fetchall()
    fit = plain(connection) if rows else set()
    return {
        name: Sound(schema, table, history, tracked, tuple(_objects(f"{schema}.{table}", history, kinds, names)))
        for name, schema, table, history, tracked, kinds, names in rows
        if name in fit
    }


def keep(connection: Connection[Any], registered: RegisteredSet, objects: Sequence[GeneratedObject] = ()) -> None:
    """Keeps what a set is compiled to, for `sound`. objects: where they are compiled already."""
    compiled = list(objects or compile_set(registered))
    places = [_place(registered, one) for one in compiled]
    given = {
        "code": code(),
        "names": [registered.name],
        "kinds": [one.kind for one in compiled],
        "shown": [one.name for one in compiled],
        "places": [place for place, _ in places],
        "local_names": [name for _, name in places],
        "marks": [one.comment for one in compiled],
        "sources": [one.body for one in compiled],
    }
    connection.execute(query(FILE, "keep", digests=query(FILE, "digests")), given)
    connection.execute(query(FILE, "forget"), {"feature_set": registered.name, "most": len(compiled)})


@cache
def code() -> str:
    """A digest of the code and the texts that sets are compiled with."""
    texts = data_folder("sql")
    files = [
        *sorted(Path(__file__).parent.glob("*.py")),
        *(_PACKAGE / name for name in _BESIDE),
        *sorted((texts / "history").rglob("*.sql")),
        *sorted((texts / "access").glob("*.sql")),
    ]
    digest = sha256(psycopg.__version__.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _place(registered: RegisteredSet, generated: GeneratedObject) -> tuple[str, str]:
    """Where an object stands, and its name there."""
    if generated.table is not None:
        own = registered.live if generated.table != (HISTORY_SCHEMA, registered.history_table) else registered.history
        return own.as_string(), POLICY if generated.kind == "policy" else generated.name
    schema = (
        HISTORY_SCHEMA
        if generated.private or generated.name.startswith(f"{HISTORY_SCHEMA}.")
        else registered.schema_name
    )
    return schema, generated.name.removeprefix(f"{schema}.")


def _objects(live: str, history: str, kinds: Sequence[str], names: Sequence[str]) -> Sequence[ObjectStatus]:
    tables = [
        ObjectStatus(live, "table", "installed"),
        ObjectStatus(f"{HISTORY_SCHEMA}.{history}", "table", "installed"),
    ]
    return [*tables, *(ObjectStatus(name, kind, "installed") for name, kind in zip(names, kinds, strict=True))]
