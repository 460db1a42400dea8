"""Finding what is registered, and describing one thing of it."""

from collections.abc import Callable
from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet, RegisteredWindows
from fsdb.catalog.readable import readable_sets
from fsdb.definitions import duration_text
from fsdb.errors import UnknownName
from fsdb.sql import query
from fsdb.table import Table

SEARCH, DESCRIBING = "catalog/search", "catalog/describing"


def search(connection: Connection[Any], text: str) -> Table:
    """Everything registered that holds each word of `text` in its name, description, tags or owner; names first."""
    title = f"Registered, with {text!r}" if text else "Registered"
    return _table(connection, SEARCH, "search", {"words": text.lower().split()}, title)


def describe(connection: Connection[Any], name: str, kind: str | None = None) -> Table:
    """What is registered under a name, in a table of its parts: a set's columns, a model's versions, a deployment's inputs, …

    kind: one of KINDS, where a name is of several. Raises UnknownName with what search finds and for another kind.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"There is no kind {kind!r}: name one of {', '.join(KINDS)}.")
    kinds = [row[0] for row in connection.execute(query(DESCRIBING, "kinds"), {"name": name}).fetchall()]
    chosen = kind or (kinds[0] if kinds else None)
    if chosen is None or chosen not in kinds:
        near = search(connection, name)
        hint = (
            f" Search finds: {', '.join(row['name'] for row in near)}."
            if len(near)
            else " `fsdb search` lists what is registered."
        )
        raise UnknownName(f"There is no {kind or 'feature set, feature, model or other object'} {name!r}.{hint}")
    table = KINDS[chosen](connection, name)
    others = [] if kind else [other for other in kinds if other != chosen]
    also = f", and a {' and a '.join(others)} of that name" if others else ""
    return Table(table.columns, table.rows, f"{table.title}{also}")


def _described_set(connection: Connection[Any], name: str) -> Table:
    title = _set_title(readable_sets(connection, [name])[name])
    return _table(connection, SEARCH, "set_columns", {"name": name, "feature": None}, title)


def _described_feature(connection: Connection[Any], name: str) -> Table:
    owner, _, feature = name.rpartition(".")
    return _table(connection, SEARCH, "set_columns", {"name": owner, "feature": feature}, f"Feature {name}")


def _described_model(connection: Connection[Any], name: str) -> Table:
    return _table(connection, SEARCH, "model_versions", {"name": name}, f"Model {name}")


def _other(text: str) -> Callable[[Connection[Any], str], Table]:
    def described(connection: Connection[Any], name: str) -> Table:
        row = connection.execute(query(DESCRIBING, f"{text}_said"), {"name": name}).fetchone()
        title = ", ".join(part for part in (row[0] if row else ()) if part)
        return _table(connection, DESCRIBING, text, {"name": name}, title)

    return described


def _set_title(registered: RegisteredSet) -> str:
    parts = [f"Feature set {registered.name}", registered.description]
    parts += [f"max_age {registered.max_age}"] if registered.max_age else []
    parts += [f"retention {registered.retention}"] if registered.retention else []
    parts += [f"event_time at most {duration_text(registered.ahead)} ahead"] if registered.ahead is not None else []
    parts += [f"in PostgreSQL as of {registered.reach} and later"] if registered.reach else []
    parts += [f"event_time by the {registered.event_time_rule}"] if registered.event_time_rule else []
    parts += [f"owner {registered.owner}"] if registered.owner else []
    parts += [f"events happen at {registered.happens}"] if registered.happens else []
    if registered.windows is not None:
        return ", ".join(part for part in [*parts, *_windows_said(registered.windows)] if part)
    parts += [f"tracks {registered.live_schema}.{registered.live_table}"] if registered.tracked else []
    return ", ".join(part for part in parts if part)


def _windows_said(windows: RegisteredWindows) -> list[str]:
    parts = [f"computed from the events of {windows.events.name} by {', '.join(windows.columns.values())}"]
    parts += [f"windows end {duration_text(windows.offset)} before"] if windows.offset else []
    return parts + ([f"windows begin at multiples of {duration_text(windows.step)}"] if windows.step else [])


def _table(connection: Connection[Any], file: str, name: str, values: dict[str, Any], title: str) -> Table:
    cursor = connection.execute(query(file, name), values)
    assert cursor.description is not None
    return Table.of([column.name for column in cursor.description], cursor.fetchall(), title)


KINDS: dict[str, Callable[[Connection[Any], str], Table]] = {
    "feature set": _described_set,
    "feature": _described_feature,
    "model": _described_model,
    "expression": _other("expression"),
    "training view": _other("training_view"),
    "training set": _other("training_set"),
    "deployment": _other("deployment"),
    "schedule": _other("schedule"),
}
