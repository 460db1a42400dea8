"""Every cell of the matrix: each object in the database × each role, PUBLIC and a stranger × each privilege, as PostgreSQL itself says it."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from fsdb.access.giving import Object, objects
from fsdb.access.matrix import by_name
from tests.access.world import ROLES, Ruled

PRIVILEGES = {
    "table": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    "sequence": ("SELECT", "USAGE", "UPDATE"),
    "function": ("EXECUTE",),
    "schema": ("USAGE", "CREATE"),
}
# Everything that stands in fsdb's schemas, and what it makes elsewhere, told without fsdb: by comments and by triggers' tables.
EVERYTHING = """
SELECT c.oid::bigint, c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'S', 'm', 'f') AND n.nspname ~ '^fsdb'
UNION SELECT p.oid::bigint, p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname ~ '^fsdb' OR obj_description(p.oid, 'pg_proc') ~ '^fsdb '
UNION SELECT c.oid::bigint, c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'v' AND obj_description(c.oid, 'pg_class') ~ '^fsdb '
UNION SELECT t.tgrelid::bigint, t.tgrelid::regclass::text FROM pg_trigger t WHERE t.tgname LIKE '%fsdb%' AND NOT t.tgisinternal
UNION SELECT n.oid::bigint, n.nspname FROM pg_namespace n WHERE n.nspname ~ '^fsdb'
"""
HAS = """
SELECT CASE %(kind)s WHEN 'table' THEN has_table_privilege(%(who)s::name, %(oid)s::oid, %(privilege)s)
                     WHEN 'sequence' THEN has_sequence_privilege(%(who)s::name, %(oid)s::oid, %(privilege)s)
                     WHEN 'function' THEN has_function_privilege(%(who)s::name, %(oid)s::oid, %(privilege)s)
                     ELSE has_schema_privilege(%(who)s::name, %(oid)s::oid, %(privilege)s) END
"""
COLUMNS = """
SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
WHERE a.attrelid = %(oid)s::oid AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(%(who)s::name, a.attrelid, a.attnum, %(privilege)s)
"""


@dataclass(frozen=True)
class Cell:
    """One cell, and what PostgreSQL says of it. columns: those that a right ends at."""

    row: str
    signature: str
    who: str
    privilege: str
    wanted: bool
    found: bool

    def __str__(self) -> str:
        has = "has" if self.found else "lacks"
        return (
            f"{self.who} {has} {self.privilege} on {self.signature} ({self.row}); fsdb/access/matrix.py says otherwise"
        )


def everything(connection: psycopg.Connection) -> dict[int, str]:
    """All objects of fsdb's by number, with their names."""
    return dict(connection.execute(EVERYTHING).fetchall())


def unknown(connection: psycopg.Connection) -> list[str]:
    """Objects that no row of the table of rights speaks of."""
    ruled = {one.number for one in objects(connection) if one.row in by_name()}
    return [
        f"{name}: add a row to fsdb/access/matrix.py"
        for oid, name in everything(connection).items()
        if oid not in ruled
    ]


def cells(world: Ruled, connection: psycopg.Connection) -> Iterator[Cell]:
    """Every cell."""
    for one in objects(connection):
        for who in (*ROLES, "nobody"):
            owns = connection.execute(
                "SELECT pg_has_role(%s::name, %s::oid, 'USAGE')", [world.user(who), one.owner]
            ).fetchone()
            maintain = ("MAINTAIN",) if one.kind == "table" and connection.info.server_version >= 170000 else ()
            for privilege in (*PRIVILEGES[one.kind], *maintain):
                values = {"who": world.user(who), "oid": one.number, "privilege": privilege, "kind": one.kind}
                row = connection.execute(HAS, values).fetchone()
                assert row is not None
                wanted = owns == (True,) or _wanted(one, who, privilege)
                yield Cell(one.row or "", one.signature, who, privilege, wanted, bool(row[0]))
                if one.kind == "table" and privilege in ("SELECT", "INSERT", "UPDATE", "REFERENCES"):
                    columns = connection.execute(COLUMNS, values).fetchone()
                    some = ", ".join((columns and columns[0]) or ())
                    limited = (
                        f"{privilege} ({some})" in by_name()[one.row or ""].rights(who) if who in ROLES[:4] else False
                    )
                    yield Cell(
                        one.row or "", one.signature, who, f"{privilege} ({some})", wanted or limited, bool(some)
                    )


def _wanted(one: Object, who: str, privilege: str) -> bool:
    row = by_name()[one.row or ""]
    if who == "admin":
        return True  # fsdb's role owns all of it
    rights = row.rights("public") | (row.rights(who) if who in ROLES else frozenset())
    if one.signature == "public":
        rights |= {"USAGE"} | ({"CREATE"} if who == "deployer" else frozenset())
    return privilege in rights
