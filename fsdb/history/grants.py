"""Rights on views and functions that are made anew: read before, given back after."""

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

from fsdb.sql import query


def grants(connection: Connection[Any], kind: str, signature: Composable) -> list[dict[str, Any]]:
    """Rights on an object as rows; none where it has those of any new object. kind: view or function."""
    names = {one: signature.as_string() if kind == one else None for one in ("view", "function")}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query("history/features", "grants"), names).fetchall()


def grant(connection: Connection[Any], kind: str, signature: Composable, rows: list[dict[str, Any]]) -> None:
    """Gives rights back that `grants` read."""
    if not rows:
        return
    target = SQL("{} {}").format(SQL("FUNCTION" if kind == "function" else "TABLE"), signature)
    connection.execute(query("history/features", "revoke_all", object=target))
    for row in (row for row in rows if row["privilege"] is not None):
        grantee: Composable = SQL("PUBLIC") if row["everyone"] else Identifier(row["grantee"])
        parts: dict[str, Composable] = {
            "privilege": SQL(row["privilege"]),
            "object": target,
            "grantee": grantee,
            "option": SQL("WITH GRANT OPTION" if row["grantable"] else ""),
        }
        connection.execute(query("history/features", "grant", **parts))
