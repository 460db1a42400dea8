"""The policy of a history table: who is bound by policies on the live table reads the versions of those entities alone of which it sees the
live row.

All or nothing of an entity, so that what it is as of a moment stays exact: a policy on a feature, taken version by version, would hide
the newest versions and show older ones in their place.
"""

from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.columns import Columns
from fsdb.history.names import internal
from fsdb.history.objects import GeneratedObject
from fsdb.sql import joined, query

FILE = "access/rows"
POLICY = "fsdb_versions"
SEEN = "seen"


def row_policy(registered: RegisteredSet) -> list[GeneratedObject]:
    """The function <set>:seen and the policy that asks it."""
    return [_seen_function(registered), _policy(registered)]


def _seen_function(registered: RegisteredSet) -> GeneratedObject:
    function = internal(registered.history_table, SEEN)
    keys = [
        query(FILE, "same_key", l_key=Identifier("l", key), position=SQL(f"${number}"))
        for number, key in enumerate(registered.keys, start=1)
    ]
    body = query(FILE, "seen_body", live=registered.live, same_key=joined(keys, " AND ")).as_string()
    types = SQL(", ".join(registered.keys.values()))
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:{SEEN}",
        SQL("{}({})").format(function, types),
        "whether the caller sees the live row of an entity",
        query(FILE, "seen_function", function=function, types=types, body=Literal(body)),
        body,
    )


def _policy(registered: RegisteredSet) -> GeneratedObject:
    parts: dict[str, Composable] = {
        "history": registered.history,
        "policy": Identifier(POLICY),
        "history_name": Literal(registered.history.as_string()),
        "live_schema": Literal(Identifier(registered.live_schema).as_string()),
        "live_table": Literal(registered.live.as_string()),
        "seen": internal(registered.history_table, SEEN),
        "keys": Columns(registered).keys(),
    }
    return GeneratedObject(
        "policy",
        f"{POLICY} of {HISTORY_SCHEMA}.{registered.history_table}",
        SQL("{} ON {}").format(Identifier(POLICY), registered.history),
        "who may read which versions",
        query(FILE, "policy", **parts),
        table=(HISTORY_SCHEMA, registered.history_table),
    )
