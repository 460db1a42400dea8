"""The bodies of a set's functions: their texts, and what these can name."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history import bounds, held
from fsdb.history.columns import Columns
from fsdb.history.kept import checked_column
from fsdb.history.names import internal
from fsdb.history.tracked_bodies import tracked_parts
from fsdb.sql import joined, query

FILE = "history/bodies/live"
# Which file of sql/history/bodies has the text of which body.
_TEXTS = {
    "live": ("inserted", "updated", "deleted", "truncated"),
    "tracked": ("inserted_tracked", "updated_tracked", "deleted_tracked"),
    "before": ("unset", "unset_clock", "clock", "held", "named", "moved", "unnamed", "same"),
    "functions": ("guard", "write", "remove"),
}


def body_text(name: str, parts: Mapping[str, Composable]) -> str:
    """The body of a function, by the name of its text."""
    file = next(file for file, names in _TEXTS.items() if name in names)
    return "#variable_conflict use_variable\n" + query(f"history/bodies/{file}", name, **parts).as_string()


def body_parts(registered: RegisteredSet) -> dict[str, Composable]:
    """Everything that a text of sql/history/bodies can name."""
    columns = Columns(registered)
    name = registered.name
    parts: dict[str, Composable] = {
        "history": registered.history,
        "live": registered.live,
        "tombstones": Literal(internal(registered.history_table, "tombstones").as_string()),
        "keys": columns.keys(),
        "columns": columns.kept(),
        "o_key": Identifier("o", columns.key_names[0]),
        "n_key": Identifier("n", columns.key_names[0]),
        "o_differs_n": columns.key_differs("o", "n"),
        "o_is_n": columns.same_key("o", "n"),
        "l_is_o": columns.same_key("l", "o"),
        "l_time": columns.at("l") if columns.time is not None else SQL("NULL"),
        "l_is_late": columns.same_key("l", "late"),
        "n_is_late": columns.same_key("n", "late"),
        "every_column": columns.every(),
        "v_every_column": _v_columns(registered, columns),
        "new_key_differs": columns.key_differs("new", "old"),
        **{
            f"{own}_function": _in_context(registered, own)
            for own in ("write", "remove", "erase", "inserted", "updated")
        },
        "history_name": Literal(registered.history.as_string()),
        "name": Literal(name),
        "live_table": Literal(registered.live.as_string()),
        "bound_message": Literal(
            f"fsdb: row security of {registered.live_schema}.{registered.live_table} binds this user, who may write versions of {name} by INSERT, UPDATE and DELETE alone."
        ),
        "keys_alive": query(
            FILE,
            "keys_alive",
            history=registered.history,
            h_keys=columns.keys("h"),
            newest_keys=columns.keys("newest"),
        ),
        "l_keys": columns.keys("l"),
        "w_is_h": Literal(columns.same_key("w", "h").as_string()),
        "needed_message": Literal(
            f"Some versions of {name} to be removed are gone already, or still hold as of the new reach: nothing was removed."
        ),
        "guard_message": Literal(
            f"History of {name} is written by its triggers alone: change the live table instead; late values and corrections become new versions."
        ),
        "overtaken_message": Literal(
            f"Another session deleted a key of {name} after this transaction's snapshot was taken: run the transaction again."
        ),
        "truncate_message": Literal(
            f"TRUNCATE of {name} needs isolation level read committed: in this transaction's snapshot rows may be missing. Use DELETE."
        ),
        "bounds_message": Literal(
            f"An event_time of {name} is infinite or not within {bounds.words(registered.ahead)}: give a time in that range, or none for the time of the change."
        ),
        "h_is_v": columns.same_key("h", "v"),
        **bounds.parts(registered.ahead),
        "refused": SQL("true" if registered.event_time_rule == "clock only" else "false"),
        "clock_message": Literal(
            f"The event_time of {name} comes from the clock alone: leave it out of the statement."
        ),
        "late_key_message": Literal(
            f"A key of {name} cannot be changed as of a time before its newest version: change it with a later event_time, or with none."
        ),
    }
    for alias in ("new", "old"):
        # A live table of fsdb's own has no other columns, and a whole row is compared faster than a list of its columns.
        parts[f"{alias}_row"] = Identifier(alias)
    for alias in ("n", "o", "new", "old"):
        parts[f"{alias}_keys"] = columns.keys(alias)
        parts[f"{alias}_columns"] = _written(registered, columns, alias)
        parts[f"{alias}_image"] = columns.image(alias)
        parts[f"newest_of_{alias}"] = query(
            FILE, "newest", history=registered.history, same_key=columns.same_key("h", alias)
        )
        if columns.time is not None:
            parts[f"{alias}_time"] = columns.at(alias)
    if registered.tracked:
        return tracked_parts(registered, columns, parts)
    assert columns.time is not None
    parts["time"] = Identifier(columns.time)
    parts["own_code"] = query(
        FILE,
        "own_code",
        live_name=Literal(registered.live.as_string()),
        late_purpose=Literal(f"Taking a late row of {name} out of {registered.live_schema}.{registered.live_table}"),
    )
    parts["settle_late"] = query(FILE, "settle_late", **parts)
    parts["refuse_unfit"] = held.rules_asked(registered, relation=SQL("TG_RELID"), given=SQL("ARRAY[NEW]"))
    return parts


def _in_context(registered: RegisteredSet, function: str) -> Literal:
    """How PostgreSQL's PG_CONTEXT names a function of the set."""
    return Literal(f"{HISTORY_SCHEMA}.{Identifier(f'{registered.history_table}:{function}').as_string()}(")


def _written(registered: RegisteredSet, columns: Columns, alias: str) -> Composed:
    """Keys and features of a row that becomes a version."""
    first, *others = [*columns.key_names, *columns.live_names]
    live, kept = [*columns.key_names, *columns.live_names], [*columns.key_names, *columns.kept_names]
    checked = checked_column(registered, Identifier(alias, first), live, kept)
    return joined([checked, *(Identifier(alias, name) for name in others)])


def _v_columns(registered: RegisteredSet, columns: Columns) -> Composed:
    """All columns of a version that is given whole."""
    first, *others = columns.every_name
    return joined(
        [checked_column(registered, Identifier("v", first), [], []), *(Identifier("v", name) for name in others)]
    )
