"""A database that is ready for use: reached, with a catalog that this fsdb works with."""

from fsdb import embedded
from fsdb.asof import snapshots
from fsdb.db import Database
from fsdb.migrate import revisions


def ready(url: str | None, make: bool = True, create: bool = False) -> Database:
    """The database at the URL, else of `$FSDB_URL`, else the embedded one, for its caller to close.

    make: whether a catalog is made where there is none, and that of the embedded server upgraded. Without it, CatalogMissing is raised where there is no
    catalog, or an older one. create: as in `embedded.resolved`. Raises ConnectionFailed where no usable server answers.
    """
    database = Database(embedded.resolved(url, make, create))
    database.open()
    try:
        with database.transaction() as connection:
            revision = revisions.read_revision(connection)
        if make and (revision is None or (embedded.meant(url) and revisions.is_older(revision))):
            from fsdb.migrate import catalog  # Alembic, which nothing but a migration needs

            catalog.upgrade(database.url)
        with database.transaction() as connection:
            revisions.check(connection)
            snapshots.adopt(connection)
    except BaseException:
        database.close()
        raise
    return database
