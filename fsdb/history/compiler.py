"""Compiles a registered feature set to the functions, triggers and views that keep its history."""

from collections.abc import Mapping

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history import bounds, erasing, held
from fsdb.history.columns import Columns
from fsdb.history.names import as_of_function, history_view, internal
from fsdb.history.objects import GeneratedObject
from fsdb.history.reach import bounded
from fsdb.history.row_policy import row_policy
from fsdb.sql import joined, query
from fsdb.types import type_sql

# Triggers of one event fire in order of name: history is written before other triggers that fire once a statement, and the
# triggers for single rows come last, when others have had their say on the row: after every name that begins with a letter of ASCII.
FIRST = "aa_fsdb_"
LAST = "~fsdb_"

# trigger, its text in objects.sql, its function's suffix and text in bodies.sql, what it is for
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
    bodies = _body_parts(registered)
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


def views(registered: RegisteredSet) -> list[GeneratedObject]:
    """The view <set>_history and the function <set>_as_of."""
    return [_history_view(registered), _as_of_function(registered)]


def write_signature(registered: RegisteredSet) -> Composed:
    """The function that writes versions, with its argument."""
    return SQL("{}({}[])").format(internal(registered.history_table, "write"), registered.history)


def write_function(registered: RegisteredSet, bodies: Mapping[str, Composable] | None = None) -> GeneratedObject:
    """The function by which fsdb itself writes versions."""
    function = internal(registered.history_table, "write")
    body = _body("write", bodies or _body_parts(registered))
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
    body = _body("remove", bodies)
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
    body = _body(f"{name}_clock" if by_clock else f"{name}_tracked" if of_tracked else name, parts)
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


def _body_parts(registered: RegisteredSet) -> dict[str, Composable]:
    """Everything that a text of bodies.sql can name."""
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
            f"fsdb: row security of {registered.live_schema}.{registered.live_table} binds this user, whose versions of {name} are those of its own INSERT, UPDATE and DELETE."
        ),
        "keys_alive": query(
            "history/bodies",
            "keys_alive",
            history=registered.history,
            h_keys=columns.keys("h"),
            newest_keys=columns.keys("newest"),
        ),
        "l_keys": columns.keys("l"),
        "w_is_h": Literal(columns.same_key("w", "h").as_string()),
        "needed_message": Literal(
            f"Versions of {name} that were to leave are gone already, or hold as of the new reach: nothing was removed."
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
            f"An event_time of {name} is infinite or not within {bounds.words(registered.ahead)}: give a time within, or none for the time of the change."
        ),
        "h_is_v": columns.same_key("h", "v"),
        **bounds.parts(registered.ahead),
        "refused": SQL("true" if registered.event_time_rule == "clock only" else "false"),
        "clock_message": Literal(f"The event_time of {name} is the clock's alone: leave it out of the statement."),
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
            "history/bodies", "newest", history=registered.history, same_key=columns.same_key("h", alias)
        )
        if columns.time is not None:
            parts[f"{alias}_time"] = columns.at(alias)
    if registered.tracked:
        return _tracked_parts(registered, columns, parts)
    assert columns.time is not None
    parts["time"] = Identifier(columns.time)
    parts["own_code"] = query(
        "history/bodies",
        "own_code",
        live_name=Literal(registered.live.as_string()),
        late_purpose=Literal(f"Taking a late row of {name} out of {registered.live_schema}.{registered.live_table}"),
    )
    parts["settle_late"] = query("history/bodies", "settle_late", **parts)
    parts["refuse_unfit"] = held.rules_asked(registered, relation=SQL("TG_RELID"), given=SQL("ARRAY[NEW]"))
    return parts


def _in_context(registered: RegisteredSet, function: str) -> Literal:
    """How PostgreSQL's PG_CONTEXT names a function of the set."""
    return Literal(f"{HISTORY_SCHEMA}.{Identifier(f'{registered.history_table}:{function}').as_string()}(")


def _tracked_parts(
    registered: RegisteredSet, columns: Columns, parts: Mapping[str, Composable]
) -> dict[str, Composable]:
    """What the texts for a tracked table name besides: when a version begins, and whether it stands there already."""
    more: dict[str, Composable] = {
        **parts,
        "name": Literal(registered.name),
        "inside": query("history/bodies", "inside"),
        "p_is_v": columns.same_key("p", "v"),
        "q_is_p": columns.same_key("q", "p"),
        "kept": _kept(registered),
        "keys_kept": _kept(registered, keys=True),
        "live_name": Literal(registered.live.as_string()),
        **{f"{alias}_state": columns.state(alias) for alias in ("h", "p", "q")},
        **{f"{alias}_state": columns.state(alias, live=True) for alias in ("n", "o")},
    }

    def text(name: str, row: str = "n", /, **others: Composable) -> Composable:
        of_row: dict[str, Composable] = {
            "v_is_row": columns.same_key("v", row),
            "h_is_row": columns.same_key("h", row),
        }
        return query("history/bodies", name, **{**more, **of_row, **others})

    def found(by: str, row: str = "n") -> dict[str, Composable]:
        """How a statement finds what it changes, and whether it finds no version as it should."""
        absent = {"found_none": SQL("true"), "found_moved": more["o_differs_n"]}.get(by, SQL("false"))
        of_found: dict[str, Composable] = {"found": text(by), "found_absent": absent}
        of_found["follows"] = text("follows", **of_found)
        return {**of_found, "between": text("between", row, **of_found)}

    def begins(by: str, seen: str | None, row: str = "n") -> Composable:
        named: Composable = SQL("")
        if columns.time is not None and seen is not None:
            named = text("named_time", seen=text(seen), row_time=columns.at(row))
        return text("time_of_row", row, named_time=named, **found(by, row))

    def written(by: str) -> Composable:
        return SQL("false") if columns.time is None else text("written_of_n", **found(by))

    def tombstones(by: str) -> Composable:
        return text(
            "tombstones_of_old",
            "o",
            begins=begins(by, None, "o"),
            o_written_ahead=written_ahead("made_none", "o"),
        )

    def ahead(made: str, row: str = "n") -> Composable:
        return text("ahead", row, h_is_made=text(made))

    def written_ahead(made: str, row: str = "n") -> Composable:
        return text("written_ahead", row, ahead=ahead(made, row))

    def forget(made: str, rows: Composable, row: str = "n") -> Composable:
        return text("forget_ahead", row, made=rows, ahead=ahead(made, row))

    def write_ahead(name: str, by: str, made: str, row: str, **others: Composable) -> Composable:
        """What this statement found and history lacks."""
        named: Composable = SQL("")
        if columns.time is not None and row == "o":
            named = text("named_time", seen=text("seen_of_updated"), row_time=columns.at(row))
        return text(
            name,
            row,
            ahead=ahead(made, row),
            missing=text("missing", row, p_is_row=columns.same_key("p", row), **found(by, row)),
            time_ahead=text("time_ahead", named_time=named),
            **others,
        )

    def rows(source: Composable, alias: str) -> Composed:
        return SQL("(SELECT {}.* FROM {}) {}").format(Identifier(alias), source, Identifier(alias))

    inserted, it = written("found_none"), SQL("TG_RELID::regclass::text")
    moving = SQL("{} WHERE {}").format(text("pairs"), parts["o_differs_n"])
    both = SQL("old_rows o LEFT JOIN new_rows n ON {}").format(parts["o_is_n"])
    differing = SQL("record_image_ne({}, {})").format(parts["n_image"], parts["o_image"])
    stayed = SQL("new_rows n JOIN old_rows o ON {} WHERE {}").format(parts["o_is_n"], differing)
    changed = SQL("{} OR {}").format(moving, differing)
    return {
        **more,
        "pairs": text("pairs"),
        "kept_as_is": text("kept_as_is", kept_by_it=_kept(registered, it)),
        "keys_kept_as_is": text("kept_as_is", kept_by_it=_kept(registered, it, keys=True)),
        "write_ahead_updated": write_ahead("write_ahead_rows", "found_row", "made_either", "o", changed=both),
        "write_ahead_deleted": write_ahead(
            "write_ahead_rows", "found_row", "made_none", "o", changed=SQL("old_rows o")
        ),
        "write_ahead_inserted": write_ahead(
            "write_ahead_gone", "found_none", "made_row", "n", came=SQL("new_rows n"), written_of_n=inserted
        ),
        "write_ahead_moved": write_ahead(
            "write_ahead_gone", "found_none", "made_row", "n", came=rows(moving, "n"), written_of_n=SQL("false")
        ),
        "time_of_inserted_n": begins("found_none", "seen_of_inserted"),
        "time_of_updated_n": begins("found_row", "seen_of_updated"),
        "time_of_moved_n": begins("found_moved", "seen_of_moved"),
        "time_of_o": begins("found_row", None, "o"),
        "tombstones_of_deleted": tombstones("found_present"),
        "tombstones_of_left": tombstones("found_deleted"),
        "written_of_inserted_n": inserted,
        "written_of_updated_n": written("found_row"),
        "n_written_ahead": written_ahead("made_row"),
        "o_written_ahead": written_ahead("made_none", "o"),
        "forget_inserted": forget("made_row", SQL("new_rows n")),
        "forget_updated": forget("made_row", rows(stayed, "n")),
        "forget_moved": forget("made_row", rows(changed, "n")),
        "forget_left": forget("made_none", rows(moving, "o"), "o"),
        "forget_deleted": forget("made_none", SQL("old_rows o"), "o"),
    }


def _written(registered: RegisteredSet, columns: Columns, alias: str) -> Composed:
    """Keys and features of a row that becomes a version."""
    first, *others = [*columns.key_names, *columns.live_names]
    live, kept = [*columns.key_names, *columns.live_names], [*columns.key_names, *columns.kept_names]
    checked = _checked(registered, Identifier(alias, first), live, kept)
    return joined([checked, *(Identifier(alias, name) for name in others)])


def _v_columns(registered: RegisteredSet, columns: Columns) -> Composed:
    """All columns of a version that is given whole."""
    first, *others = columns.every_name
    return joined([_checked(registered, Identifier("v", first), [], []), *(Identifier("v", name) for name in others)])


def _checked(registered: RegisteredSet, column: Identifier, live: list[str], kept: list[str]) -> Composed:
    """A column, behind the check that history keeps the live columns exactly under the kept ones, and numbers versions upwards."""
    return query("history/objects", "first_column", kept=_asked(registered, live, kept), column=column)


def _kept(registered: RegisteredSet, live_name: Composable | None = None, *, keys: bool = False) -> Composed:
    """The check that history keeps every column of the live table exactly; keys: these alone."""
    columns = Columns(registered)
    live, kept = [*columns.key_names, *columns.live_names], [*columns.key_names, *columns.kept_names]
    if keys:
        live = kept = columns.key_names
    return _asked(registered, live, kept, live_name)


def _asked(
    registered: RegisteredSet, live: list[str], kept: list[str], live_name: Composable | None = None
) -> Composed:
    return query(
        "history/objects",
        "kept",
        set_name=Literal(registered.name),
        live_name=live_name or Literal(registered.live.as_string()),
        history_name=Literal(registered.history.as_string()),
        live_columns=SQL("{}::text[]").format(Literal(live)),
        kept_columns=SQL("{}::text[]").format(Literal(kept)),
        sequence_name=Literal(internal(registered.history_table, "version_id").as_string()),
    )


def _body(name: str, parts: Mapping[str, Composable]) -> str:
    return "#variable_conflict use_variable\n" + query("history/bodies", name, **parts).as_string()


def _history_view(registered: RegisteredSet) -> GeneratedObject:
    columns = Columns(registered)
    shown: list[Composable] = [Identifier("h", key) for key in columns.key_names]
    for feature in registered.features:
        shown.append(SQL("{} AS {}").format(Identifier("h", feature.history_column), Identifier(feature.name)))
    view = history_view(registered)
    left = "; those that have left for the columnar copy are not among them" if registered.limited else ""
    return GeneratedObject(
        "view",
        f"{registered.schema_name}.{registered.table_name}_history",
        SQL("{}").format(view),
        f"versions of {registered.name}, with the time during which each holds" + left,
        query(
            "history/objects",
            "history_view",
            view=view,
            columns=joined(shown),
            h_keys=columns.keys("h"),
            history=registered.history,
        ),
    )


def _as_of_function(registered: RegisteredSet) -> GeneratedObject:
    columns = Columns(registered)
    shown: list[Composable] = [Identifier("v", key) for key in columns.key_names]
    for feature in registered.features:
        column = Identifier("v", feature.history_column)
        name = Identifier(feature.name)
        if registered.max_age is None:
            shown.append(SQL("{} AS {}").format(column, name))
        else:
            shown.append(
                query("history/objects", "aged", column=column, name=name, max_age=bounds.interval(registered.max_age))
            )
    types: list[Composable] = [
        SQL("{} {}").format(Identifier(key), type_sql(kind)) for key, kind in registered.keys.items()
    ]
    types += [SQL("{} {}").format(Identifier(f.name), type_sql(f.type)) for f in registered.features]
    function = as_of_function(registered)
    at = SQL("$1")
    body = query(
        "history/objects",
        "as_of_body",
        at=bounded(registered.name, at) if registered.limited else at,
        columns=joined(shown),
        h_keys=columns.keys("h"),
        history=registered.history,
    ).as_string()
    return GeneratedObject(
        "function",
        f"{registered.schema_name}.{registered.table_name}_as_of",
        SQL("{}(timestamp with time zone)").format(function),
        f"{registered.name} as it was at a time",
        query("history/objects", "as_of_function", function=function, types=joined(types), body=Literal(body)),
        body,
    )
