"""Which of a feature set's generated objects are in the database as they should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.compiler import compile_set
from fsdb.history.live import Needs, Problem, find, held_against
from fsdb.history.objects import MARK, GeneratedObject
from fsdb.history.row_policy import FILE as ROWS
from fsdb.history.row_policy import POLICY
from fsdb.sql import query

State = Literal["installed", "outdated", "missing", "foreign", "unfit"]


@dataclass(frozen=True)
class ObjectStatus:
    """One object of a set. state: installed as this fsdb would make it; outdated, changed by hand or switched off;
    missing; foreign, when something that fsdb did not make bears its name; or unfit, a table that has become one which
    history cannot follow, for the problems named."""

    name: str
    kind: str
    state: State
    problems: tuple[Problem, ...] = ()


def status(connection: Connection[Any], registered: RegisteredSet) -> list[ObjectStatus]:
    """The state of each object that the set's history needs: tables, functions, triggers and views."""
    tables = [live_status(connection, registered), _history(connection, registered)]
    objects = compile_set(registered)
    found = _Found(connection, registered, objects)
    return [*tables, *(ObjectStatus(o.name, o.kind, found.state(o)) for o in objects)]


def foreign_objects(
    connection: Connection[Any], registered: RegisteredSet, objects: Sequence[GeneratedObject]
) -> list[str]:
    """Names of those objects whose place is taken by something that fsdb did not make."""
    found = _Found(connection, registered, objects)
    return [f"{o.kind} {o.name}" for o in objects if found.state(o) == "foreign"]


def outdated_objects(
    connection: Connection[Any], registered: RegisteredSet, objects: Sequence[GeneratedObject]
) -> list[GeneratedObject]:
    """Those objects that are not in the database as they should be."""
    found = _Found(connection, registered, objects)
    return [generated for generated in objects if found.state(generated) != "installed"]


def marked_triggers(connection: Connection[Any], registered: RegisteredSet) -> list[Composed]:
    """The triggers on the set's tables that bear fsdb's mark, as DROP TRIGGER names them."""
    return [signature for signature, _ in triggers_with_tables(connection, registered)]


def triggers_with_tables(
    connection: Connection[Any], registered: RegisteredSet
) -> list[tuple[Composed, tuple[str, str]]]:
    """The same, each with the schema and name of its table."""
    return [
        (
            SQL("{} ON {}").format(Identifier(row["name"]), Identifier(row["schema"], row["table"])),
            (row["schema"], row["table"]),
        )
        for row in _triggers(connection, registered)
        if (row["mark"] or "").startswith(MARK) and row["function"].startswith(f"{HISTORY_SCHEMA}.")
    ]


def live_triggers(connection: Connection[Any], registered: RegisteredSet) -> list[str]:
    """Names of the triggers on the set's live table that bear fsdb's mark and call the set's functions."""
    own = f"{HISTORY_SCHEMA}.{registered.history_table}:"
    return [
        row["name"]
        for row in _triggers(connection, registered)
        if (row["mark"] or "").startswith(MARK)
        and row["function"].startswith(own)
        and (row["schema"], row["table"]) == (registered.live_schema, registered.live_table)
    ]


class _Found:
    """What the database holds under the names of the wanted objects."""

    def __init__(
        self, connection: Connection[Any], registered: RegisteredSet, objects: Sequence[GeneratedObject]
    ) -> None:
        signatures = [o.signature.as_string() for o in objects if o.kind == "function"]
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query("history/status", "functions"), {"signatures": signatures}).fetchall()
            self._functions = {row["signature"]: row for row in rows}
            self._view = cursor.execute(
                query("history/status", "relation"),
                {"schema": registered.schema_name, "name": f"{registered.table_name}_history"},
            ).fetchone()
            self._policy = cursor.execute(
                query(ROWS, "state"),
                {"schema": HISTORY_SCHEMA, "table": registered.history_table, "policy": POLICY},
            ).fetchone()
        self._triggers = {
            SQL("{} ON {}").format(Identifier(row["name"]), _supposed(registered, row)).as_string(): row
            for row in _triggers(connection, registered)
        }

    def state(self, wanted: GeneratedObject) -> State:
        """The state of one object."""
        signature = wanted.signature.as_string()
        row = {
            "function": self._functions.get(signature),
            "trigger": self._triggers.get(signature),
            "view": self._view,
            "policy": self._policy,
        }[wanted.kind]
        if row is None:
            return "missing"
        mark = row["mark"] or ""
        if wanted.kind != "policy" and (not mark.startswith(MARK) or (wanted.kind == "view" and row["kind"] != "v")):
            return "foreign"
        changed = (
            mark != wanted.comment
            or (wanted.kind == "function" and row["source"] != wanted.body)
            or (wanted.kind == "trigger" and row["enabled"] not in ("O", "A"))
            or (wanted.kind == "policy" and not row["holds"])
        )
        return "outdated" if changed else "installed"


def _supposed(registered: RegisteredSet, row: dict[str, Any]) -> Identifier:
    """The table that a trigger was made for: it moves with its table, which may bear another name now."""
    if (row["schema"], row["table"]) == (HISTORY_SCHEMA, registered.history_table):
        return registered.history
    return registered.live


def _triggers(connection: Connection[Any], registered: RegisteredSet) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            query("history/status", "triggers"),
            {
                "live_schema": registered.live_schema,
                "live_table": registered.live_table,
                "history_schema": HISTORY_SCHEMA,
                "history_table": registered.history_table,
            },
        ).fetchall()


def live_status(connection: Connection[Any], registered: RegisteredSet) -> ObjectStatus:
    """How the set's live table stands."""
    needs = Needs.of(registered)
    live = find(connection, needs)
    found = tuple(held_against(needs, live))
    if live is None:
        state: State = "missing"
    elif live.facts["kind"] != "r" and not live.facts["bears"]:
        state = "foreign"
    else:
        state = "unfit" if found else "installed"
    return ObjectStatus(f"{registered.live_schema}.{registered.live_table}", "table", state, found)


def _history(connection: Connection[Any], registered: RegisteredSet) -> ObjectStatus:
    name = registered.history_table
    row = connection.execute(query("history/tables", "relation"), {"schema": HISTORY_SCHEMA, "name": name}).fetchone()
    state: State = "missing" if row is None else "installed" if row[0] == "r" else "foreign"
    return ObjectStatus(f"{HISTORY_SCHEMA}.{name}", "table", state)
