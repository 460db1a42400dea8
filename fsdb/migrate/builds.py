"""Which build of fsdb made a catalog: each migration leaves the fingerprint of its SQL texts, beside the revision that Alembic keeps."""

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from fsdb.errors import CatalogMissing
from fsdb.sql import data_folder, query

if TYPE_CHECKING:  # every command compares the builds; a migration alone loads Alembic
    from alembic.runtime.migration import MigrationContext, MigrationInfo

FILE = "migrate/catalog"
ADDITIVE = "additive"  # a migration's file says so by `additive = True`


def record(*, ctx: "MigrationContext", step: "MigrationInfo", **_: Any) -> None:
    """Notes a migration of the catalog that has just run, or forgets one that was undone. Alembic calls it."""
    from fsdb.migrate.engine import driver

    revision = step.up_revision_id
    assert ctx.connection is not None
    assert ctx.script is not None
    assert revision is not None
    if step.is_upgrade:
        script = ctx.script.get_revision(revision)
        known = {
            "revision": revision,
            "fingerprint": _fingerprint(Path(script.path).stem),
            "additive": getattr(script.module, ADDITIVE, False),
        }
        driver(ctx.connection).execute(query(FILE, "record_migration"), known)
    elif step.down_revision_ids:  # the first one took the table away
        driver(ctx.connection).execute(query(FILE, "forget_migration"), {"revision": revision})


def check(connection: Connection[Any], migrations: Mapping[str, str], current: str) -> None:
    """Raises CatalogMissing where the migrations that made this database's catalog are not those of this fsdb.

    migrations: those up to the catalog's, in their order: each revision with the name of its file.
    """
    (recorded,) = connection.execute(query(FILE, "records_migrations")).fetchone() or (False,)
    made = dict(connection.execute(query(FILE, "migrations")).fetchall()) if recorded else {}
    for revision, name in migrations.items():
        if made.get(revision) != _fingerprint(name):
            raise CatalogMissing(
                f"The fsdb catalog of database {connection.info.dbname} is another build of revision {current} (its migration {revision} is not "
                "this fsdb's): use the fsdb that made it, or a database without a catalog."
            )


def only_added(connection: Connection[Any], known: Iterable[str]) -> bool:
    """Whether all of the catalog's migrations besides those that are known only added to it; not where there is none."""
    (recorded,) = connection.execute(query(FILE, "records_migrations")).fetchone() or (False,)
    found = connection.execute(query(FILE, "unknown"), {"known": list(known)}).fetchall() if recorded else []
    return bool(found) and all(additive for _, additive in found)


@cache
def _fingerprint(name: str) -> str:
    """Of the texts of a migration, by the name of its file; they are read once a process."""
    folder = data_folder("migrations") / "sql"
    digest = sha256()
    for file in sorted([*(folder / name).glob("*.sql"), *(folder / f"{name}_down").glob("*.sql")]):
        lines = [line.rstrip() for line in file.read_text(encoding="utf-8").splitlines()]
        text = "\n".join(line for line in lines if line and not line.lstrip().startswith("--"))
        digest.update(f"{file.parent.name}/{file.name}\0{text}\0".encode())
    return digest.hexdigest()
