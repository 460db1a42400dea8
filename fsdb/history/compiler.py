"""Compiles a registered feature set to the functions, triggers and views that keep its history."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history import bounds, erasing, held
from fsdb.history.bodies import body_parts, body_text
from fsdb.history.columns import Columns
from fsdb.history.names import internal
from fsdb.history.objects import GeneratedObject
from fsdb.history.row_policy import row_policy
from fsdb.history.views import views
from fsdb.sql import query

# Triggers of one event fire in order of name: history is written before other triggers that fire once a statement, and the
# triggers for single rows come last, when others have had their say on the row: after every name that begins with a letter of ASCII.
FIRST = "aa_fsdb_"
LAST = "~fsdb_"

# trigger, its text in objects.sql, its function's suffix and text in sql/history/bodies, what it is for
_AFTERWARDS = (
    (f"{FIRST}inserted", "after_insert", "inserted", "a version of each row inserted"),
    (f"{FIRST}updated", "after_update", "updated", "a version of each row changed"),
    (f"{FIRST}deleted", "after_delete", "deleted", "a tombstone of each row deleted"),
    (f"{FIRST}truncated", "before_truncate", "truncated", "a tombstone of each row truncated"),
)
# Of a live table that fsdb made. A tracked one is its application's: no trigger changes a row of it or keeps one back.
_NAMED = (
    (f"{LAST}0_unset", "before_insert_unset", "unset", "the clock where an INSERT gives no event_time"),
    (f"{LAST}1_held", "before_update_held", "held", "what the live table would not take is not taken late either"),
    (f"{LAST}1_named", "before_update_named", "named", "late values and corrections, where an UPDATE names event_time"),
    (f"{LAST}4_same", "before_update_same", "same", "event_time as it was, where an UPDATE names the same value"),
)
KEEPS_TIME = f"{LAST}1_clock"
_CLOCK = (
    (f"{LAST}0_unset", "before_insert_clock", "unset", "the clock for every INSERT"),
    (KEEPS_TIME, "before_update_clock", "clock", "event_time as it was, whatever an UPDATE names"),
)
_BEFOREHAND = (
    (f"{LAST}2_moved", "before_update_moved", "moved", "a tombstone of the key that a row leaves"),
    (f"{LAST}3_unnamed", "before_update_unnamed", "unnamed", "the clock where an UPDATE names no event_time"),
)
_GUARDS = (
    (f"{FIRST}guard_insert", "guard_insert"),
    (f"{FIRST}guard_change", "guard_change"),
)
_PLAIN = ("held", "clock", "unnamed", "same", "guard")  # these write no table, as whoever changes the row
_OF_TRACKED = ("inserted", "updated", "deleted")  # these differ where the table is an application's


def compile_set(registered: RegisteredSet) -> list[GeneratedObject]:
    """Every object that the set's history needs, in the order in which they can be made."""
    bodies = body_parts(registered)
    wanted = [*_AFTERWARDS, *(() if registered.tracked else _BEFOREHAND)]
    ruled: tuple[tuple[str, str, str, str], ...] = ()
    if not registered.tracked:
        ruled = _NAMED if registered.event_time_rule is None else _CLOCK
    # The rule of event_time may change: the functions of both are there, and the triggers of one.
    every = {name: purpose for *_, name, purpose in (*wanted, *(_NAMED + _CLOCK if ruled else ()), *ruled)}
    functions = [_trigger_function(registered, name, purpose, bodies) for name, purpose in every.items()]
    functions.append(_trigger_function(registered, "guard", "keeps history from being changed directly", bodies))
    triggers = [
        _trigger(registered, registered.live, trigger, text, function, purpose)
        for trigger, text, function, purpose in (*wanted, *ruled)
    ]
    triggers += [
        _trigger(registered, registered.history, trigger, text, "guard", "keeps history from direct changes")
        for trigger, text in _GUARDS
    ]
    own = [
        write_function(registered, bodies),
        _remove_function(registered, bodies),
        erasing.erase_function(registered, bodies),
        held.hold_function(registered),
    ]
    return [*functions, *own, *triggers, *row_policy(registered), *views(registered)]


def write_signature(registered: RegisteredSet) -> Composed:
    """The function that writes versions, with its argument."""
    return SQL("{}({}[])").format(internal(registered.history_table, "write"), registered.history)


def write_function(registered: RegisteredSet, bodies: Mapping[str, Composable] | None = None) -> GeneratedObject:
    """The function by which fsdb itself writes versions."""
    function = internal(registered.history_table, "write")
    body = body_text("write", bodies or body_parts(registered))
    create = query(
        "history/objects", "write_function", function=function, history=registered.history, body=Literal(body)
    )
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:write",
        write_signature(registered),
        "writes versions for fsdb's own functions",
        create,
        body,
        private=True,
    )


def remove_signature(registered: RegisteredSet) -> Composed:
    """The function that removes versions, with its arguments."""
    function = internal(registered.history_table, "remove")
    return SQL("{}(regclass, timestamp with time zone, bigint)").format(function)


def _remove_function(registered: RegisteredSet, bodies: Mapping[str, Composable]) -> GeneratedObject:
    function = internal(registered.history_table, "remove")
    body = body_text("remove", bodies)
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:remove",
        remove_signature(registered),
        "removes versions that the columnar copy holds, for retention",
        query("history/objects", "remove_function", function=function, body=Literal(body)),
        body,
        private=True,
    )


def _trigger_function(
    registered: RegisteredSet, name: str, purpose: str, parts: Mapping[str, Composable]
) -> GeneratedObject:
    function = internal(registered.history_table, name)
    by_clock = name == "unset" and registered.event_time_rule is not None
    of_tracked = registered.tracked and name in _OF_TRACKED
    body = body_text(f"{name}_clock" if by_clock else f"{name}_tracked" if of_tracked else name, parts)
    text = "plain_trigger_function" if name in _PLAIN else "trigger_function"
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:{name}",
        SQL("{}()").format(function),
        purpose,
        query("history/objects", text, function=function, body=Literal(body)),
        body,
        private=True,
    )


def _trigger(
    registered: RegisteredSet, table: Identifier, name: str, text: str, function: str, purpose: str
) -> GeneratedObject:
    columns = Columns(registered)
    timed: dict[str, Composable] = {}
    if columns.time is not None:
        timed = {
            "time": Identifier(columns.time),
            "new_time": columns.at("new"),
            "old_time": columns.at("old"),
            **bounds.parts(registered.ahead),
        }
    create = query(
        "history/objects",
        text,
        trigger=Identifier(name),
        table=table,
        function=internal(registered.history_table, function),
        new_key_differs=columns.key_differs("new", "old"),
        table_name=Literal(table.as_string()),
        **timed,
    )
    live = (registered.live_schema, registered.live_table)
    of = live if table == registered.live else (HISTORY_SCHEMA, registered.history_table)
    return GeneratedObject("trigger", name, SQL("{} ON {}").format(Identifier(name), table), purpose, create, table=of)
