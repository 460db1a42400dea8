"""What a window set is in the database: the function <set>_as_of, and an index on its events' history."""

from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import WindowRead, set_read
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history import ObjectStatus
from fsdb.history.names import as_of_function
from fsdb.history.objects import MARK, GeneratedObject
from fsdb.history.status import State
from fsdb.sql import joined, query
from fsdb.types import type_sql
from fsdb.windows.reading import counted_events, version

FILE = "windows/sets"


def compile_windows(registered: RegisteredSet) -> list[GeneratedObject]:
    """The set's objects: the functions <set>_as_of, of a moment and the keys in order, and <set>_events, of a feature besides; both take the pin
    of a prediction at the end."""
    read = set_read(registered, [(feature, feature.name) for feature in registered.features])
    assert read.windows is not None
    return [_as_of(registered, read.windows), _events(registered, read.windows)]


def _as_of(registered: RegisteredSet, read: WindowRead) -> GeneratedObject:
    keys, pin = _keys_and_pin(registered, 2)
    columns = [
        SQL("version.{} AS {}").format(Identifier(f.history_column), Identifier(f.name)) for f in registered.features
    ]
    computed = version(read, registered.history, keys, SQL("$1"), pin)
    parameters: list[Composable] = [SQL("timestamp with time zone")]
    parameters += [SQL("{} {}").format(Identifier(key), type_sql(kind)) for key, kind in registered.keys.items()]
    types = [SQL("{} {}").format(Identifier(f.name), type_sql(f.type)) for f in registered.features]
    return _function(
        registered,
        as_of_function(registered),
        "as_of",
        [SQL("timestamp with time zone")],
        f"what {registered.name} is for an entity at a moment",
        query(FILE, "as_of_body", columns=joined(columns), computed=computed),
        {"parameters": joined(parameters), "types": joined(types)},
    )


def _events(registered: RegisteredSet, read: WindowRead) -> GeneratedObject:
    keys, pin = _keys_and_pin(registered, 3)
    counted, value, events = counted_events(read, registered.history, keys, SQL("$2"), pin)
    names = {one.name: f.name for one, f in zip(read.features, registered.features, strict=True)}
    cases = [
        query(FILE, "of_feature", feature=Literal(names[one.name]), value=counted[one.name]) for one in read.features
    ]
    values = [
        query(FILE, "of_feature", feature=Literal(names[one.name]), value=value[one.name]) for one in read.features
    ]
    body = query(
        FILE,
        "events_body",
        counted=joined(cases, " "),
        values=joined(values, " "),
        events=events,
        of=Literal(registered.name),
    )
    types: list[Composable] = [SQL("text"), SQL("timestamp with time zone"), *map(type_sql, registered.keys.values())]
    return _function(
        registered,
        Identifier(registered.schema_name, f"{registered.table_name}_events"),
        "events",
        [SQL("text"), SQL("timestamp with time zone")],
        f"the events that a feature of {registered.name} counts for an entity at a moment",
        body,
        {"parameters": joined(types)},
    )


def _keys_and_pin(registered: RegisteredSet, first: int) -> tuple[list[Composable], Composable]:
    """Parameters of the keys, from number `first` on, and the condition of the pin that comes after."""
    keys: list[Composable] = [SQL(f"${number}") for number, _ in enumerate(registered.keys, start=first)]
    return keys, query("windows/windows", "pinned", pin=SQL(f"${first + len(keys)}"))


def _function(
    registered: RegisteredSet,
    function: Identifier,
    ending: str,
    before: list[SQL],
    purpose: str,
    body: Composed,
    parts: dict[str, Composable],
) -> GeneratedObject:
    text = body.as_string()
    taken = [*before, *(type_sql(kind) for kind in registered.keys.values()), SQL("fsdb.event_pin")]
    return GeneratedObject(
        "function",
        f"{registered.schema_name}.{registered.table_name}_{ending}",
        SQL("{}({})").format(function, joined(taken)),
        purpose,
        query(FILE, f"{ending}_function", function=function, body=Literal(text), **parts),
        text,
    )


def windows_status(connection: Connection[Any], registered: RegisteredSet) -> list[ObjectStatus]:
    """The state of each object of a window set."""
    return [ObjectStatus(one.name, one.kind, _state(connection, one)) for one in compile_windows(registered)]


def is_foreign(connection: Connection[Any], wanted: GeneratedObject) -> bool:
    """Whether something that fsdb did not make bears the object's name."""
    return _state(connection, wanted) == "foreign"


def index_of(registered: RegisteredSet) -> tuple[Identifier, Composed]:
    """The name of the index that finds an entity's events, and the one that makes it. Sets of one grouping share it."""
    assert registered.windows is not None
    events = registered.windows.events
    assert events.happens is not None
    columns = [*registered.windows.columns.values(), events.feature(events.happens).history_column]
    digest = sha256("\0".join(columns).encode()).hexdigest()[:8]
    name = f"{events.history_table}:{digest}"
    listed = joined([*map(Identifier, columns)])
    return Identifier(HISTORY_SCHEMA, name), query(
        FILE, "index", index=Identifier(name), history=events.history, columns=listed
    )


def _state(connection: Connection[Any], wanted: GeneratedObject) -> State:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query(FILE, "function"), {"signature": wanted.signature.as_string()}).fetchone()
    if row is None:
        return "missing"
    mark = row["mark"] or ""
    if not mark.startswith(MARK):
        return "foreign"
    return "installed" if mark == wanted.comment and row["source"] == wanted.body else "outdated"
