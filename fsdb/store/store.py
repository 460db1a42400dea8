"""The store: the thin facade that users hold, and the only place where the parts are put together."""

from fsdb.arguments import checked
from fsdb.migrate.opening import ready
from fsdb.store.catalog import CatalogStore
from fsdb.store.copies import CopyStore
from fsdb.store.definitions import DefinitionStore
from fsdb.store.jobs import JobStore
from fsdb.store.mending import MendingStore
from fsdb.store.models import ModelStore
from fsdb.store.reading import ReadingStore
from fsdb.store.roles import RoleStore
from fsdb.store.rows import RowStore


@checked
def connect(url: str | None = None, warehouse: str | None = None, create: bool = False) -> "Store":
    """Opens a store on a database. A database without a catalog gets one.

    Args:
        url: The database. Without it, that of `$FSDB_URL`, and without that the embedded PostgreSQL, which is started if it does not
            run. "embedded:///name" is another database of the embedded server.
        warehouse: Where new columnar copies go: a folder or an fsspec URL. Without it, `$FSDB_WAREHOUSE`, and without that a folder in
            the user's data folder.
        create: Makes the database embedded:///name if it is not there.

    Raises:
        ConnectionFailed: There is no usable server, no database of that name, or no right to create schemas.
        CatalogMissing: The catalog has another version. That of the embedded server is upgraded instead.
    """
    return opened(url, warehouse, create=create)


def opened(url: str | None, warehouse: str | None = None, make: bool = True, create: bool = False) -> "Store":
    """What `connect` does. Without `make` nothing is made or upgraded: CatalogMissing is raised where there is no catalog, or an older one."""
    return Store(ready(url, make, create), warehouse)


class Store(
    DefinitionStore, RowStore, MendingStore, ReadingStore, CopyStore, JobStore, ModelStore, RoleStore, CatalogStore
):
    """A PostgreSQL database as feature store and model server. Each call is one transaction. An error changes nothing.

    Calls inside `with store.transaction():` are one transaction together.
    """
