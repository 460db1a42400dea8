"""Code of others on tables: what would run with the rights of this session where fsdb reads or writes there, and whose the schemas are.

Triggers, index expressions, defaults, checks, policies, rules and views run with the rights of whoever writes or reads the table, some of
them when a statement is planned only. Such code may run as a role only if its owner could act as that role anyway.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import Identifier

from fsdb.config import (
    CATALOG_SCHEMA,
    HISTORY_SCHEMA,
    ICEBERG_SCHEMA,
    MODEL_SCHEMA,
    OWNER_VARIABLE,
    TRAINING_SCHEMA,
    catalog_owner,
)
from fsdb.errors import ChangeRefused, StrangeCatalog
from fsdb.sql import query

FILE = "access/foreign_code"
SCHEMAS = [CATALOG_SCHEMA, HISTORY_SCHEMA, TRAINING_SCHEMA, MODEL_SCHEMA, ICEBERG_SCHEMA]


def refuse(
    connection: Connection[Any], schema: str, table: str, doing: str, *, writes: bool = True, deletes: bool = False
) -> None:
    """Raises ChangeRefused where code of others would run as this session's role, which can act as fsdb's, when it writes, or reads, a table.

    A session that cannot act as fsdb's role is trusted with its own statements, as anywhere in PostgreSQL.
    doing: what the session is about to do, as the beginning of a sentence. deletes: it does nothing but delete. To be called before a statement that names the table is planned, under
    a lock on the table that keeps it as it is.
    """
    found = _first(connection, schema, table, writes, deletes) if among_strangers(connection) else None
    if found is None:
        return
    what, relation, function, owner, table_owner, role = found
    calls = f", which calls {function}" if function is not None else ""
    run_as = table_owner if table_owner != role else owner
    raise ChangeRefused(
        f"{doing} would run code of role {owner} with the rights of {role}: {what} of {relation}{calls}. "
        f"Do it as {run_as}, take that code away, or grant {role} to {owner}."
    )


class Following(NamedTuple):
    """A table whose rows follow by a foreign key what is deleted elsewhere. trusted: whether its owner could act as this session's role."""

    schema: str
    table: str
    owner: str
    lockable: bool
    trusted: bool
    role: str


def following(connection: Connection[Any], relations: Iterable[tuple[str, str]]) -> list[Following]:
    """Tables whose rows follow by foreign keys what is deleted from some relations, each a schema and a name."""
    schemas, tables = zip(*relations, strict=True)
    with connection.cursor(row_factory=tuple_row) as cursor:
        values = {"schemas": list(schemas), "tables": list(tables)}
        return [Following(*row) for row in cursor.execute(query(FILE, "following"), values)]


def among_strangers(connection: Connection[Any]) -> bool:
    """Whether the session can act as fsdb's role and something in the database belongs to who could not act as it: else there is no code of others."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query(FILE, "strangers")).fetchone() == (True,)


def reads_foreign(connection: Connection[Any], schema: str, table: str) -> bool:
    """Whether reading a table would run code of others as this session's role. Ask `among_strangers` first, once for many tables."""
    return _first(connection, schema, table, False) is not None


def _first(
    connection: Connection[Any], schema: str, table: str, writes: bool, deletes: bool = False
) -> tuple[Any, ...] | None:
    values = {"schema": schema, "table": table, "writes": writes, "deletes": deletes}
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query(FILE, "foreign_code"), values).fetchone()


def unfit_sources(connection: Connection[Any]) -> dict[str, str]:
    """Attached tables with code of others, whose rows are not scored again: by deployment, which code and whose."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(query(FILE, "unfit_sources"), {}).fetchall())


def check_schemas(connection: Connection[Any]) -> None:
    """Raises ChangeRefused where a schema of fsdb belongs to a role that could not act as the catalog's owner: it could replace what runs there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(query(FILE, "schemas"), {"schemas": SCHEMAS}).fetchone()
    if found is not None:
        schema, owner, wanted = found
        raise ChangeRefused(
            f"Schema {schema} belongs to role {owner}, who could replace what fsdb runs there as {wanted}: look at what is in it, then drop it, "
            f"or change its owner with ALTER SCHEMA {schema} OWNER TO {wanted}."
        )
    _check_owner(connection)


def _check_owner(connection: Connection[Any]) -> None:
    """Tells whose the catalog is where nobody has said that it may be that role's: whoever may create a schema can make one, and its functions run
    with the rights of whoever calls them.

    Raises ChangeRefused where the database is this session's own, or `$FSDB_OWNER` names another role. Others get the warning StrangeCatalog.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        wanted = catalog_owner()
        if wanted is not None:
            found = cursor.execute(query(FILE, "catalog_is_of"), {"role": wanted}).fetchone()
            if found is not None and not found[1]:
                raise ChangeRefused(
                    f"The fsdb catalog of this database belongs to role {found[0]}, but {OWNER_VARIABLE} names {wanted}: fsdb called nothing there. "
                    f"Connect to the right database, or correct {OWNER_VARIABLE}."
                )
            return
        found = cursor.execute(query(FILE, "stranger")).fetchone()
    if found is None:
        return
    owner, role, database, is_own = found
    said = (
        f"The fsdb catalog of database {database} belongs to role {owner}, whose functions run with the rights of {role}, and nobody has said that it may be "
        f"that role's. If it may, the database's owner runs GRANT CREATE ON DATABASE {quoted(database)} TO {quoted(owner)} WITH GRANT OPTION, or you set "
        f"{OWNER_VARIABLE}={owner}."
    )
    if is_own:
        raise ChangeRefused(said)
    warnings.warn(said, StrangeCatalog, stacklevel=2)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return Identifier(name).as_string()


@contextmanager
def as_owner(connection: Connection[Any]) -> Iterator[None]:
    """The block runs as the catalog's owner where that one could not act as this session's role, but this one as it.

    So what a migration makes belongs to one role, and what stands in that role's schemas does not run as another. Raises ChangeRefused where
    the session is no member of that role.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(query(FILE, "catalog_owner")).fetchone()
        if found is None:
            yield
            return
        owner, role, is_member, before = found
        if not is_member:
            raise ChangeRefused(
                f"The fsdb catalog belongs to role {owner}, and {role} is not a member of it: upgrade it as {owner}."
            )
        cursor.execute(query(FILE, "act"), {"role": owner})
        yield  # where the block fails its transaction is rolled back, and the role with it
        cursor.execute(query(FILE, "act"), {"role": before})
