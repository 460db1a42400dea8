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
from fsdb.history.objects import MARK, GeneratedObject
from fsdb.sql import query

State = Literal["installed", "outdated", "missing", "foreign"]


@dataclass(frozen=True)
class ObjectStatus:
    """One object of a set. state: installed as this fsdb would make it; outdated, changed by hand or switched off;
    missing; or foreign, when something that fsdb did not make bears its name."""

    name: str
    kind: str
    state: State


def status(connection: Connection[Any], registered: RegisteredSet) -> list[ObjectStatus]:
    """The state of each object that the set's history needs: tables, functions, triggers and views."""
    tables = [
        _table(connection, registered.live_schema, registered.live_table),
        _table(connection, HISTORY_SCHEMA, registered.history_table),
    ]
    owner = connection.execute(
        query("history/tables", "owner"), {"schema": HISTORY_SCHEMA, "name": registered.history_table}
    ).fetchone()
    objects = compile_set(registered, "" if owner is None else str(owner[0]))
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
        self._triggers = {
            SQL("{} ON {}").format(Identifier(row["name"]), Identifier(row["schema"], row["table"])).as_string(): row
            for row in _triggers(connection, registered)
        }

    def state(self, wanted: GeneratedObject) -> State:
        """The state of one object."""
        signature = wanted.signature.as_string()
        row = {
            "function": self._functions.get(signature),
            "trigger": self._triggers.get(signature),
            "view": self._view,
        }[wanted.kind]
        if row is None:
            return "missing"
        mark = row["mark"] or ""
        if not mark.startswith(MARK) or (wanted.kind == "view" and row["kind"] != "v"):
            return "foreign"
        changed = (
            mark != wanted.comment
            or (wanted.kind == "function" and row["source"] != wanted.body)
            or (wanted.kind == "trigger" and row["enabled"] not in ("O", "A"))
        )
        return "outdated" if changed else "installed"


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


def _table(connection: Connection[Any], schema: str, name: str) -> ObjectStatus:
    row = connection.execute(query("history/tables", "relation"), {"schema": schema, "name": name}).fetchone()
    state: State = "missing" if row is None else "installed" if row[0] == "r" else "foreign"
    return ObjectStatus(f"{schema}.{name}", "table", state)
