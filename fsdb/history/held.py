"""Holds what goes to history alone against the rules of the live table: NOT NULL, checks and foreign keys, as they stand at the moment."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.columns import Columns
from fsdb.history.names import internal
from fsdb.history.objects import GeneratedObject
from fsdb.sql import joined, query

FILE = "history/held"


def rules_asked(registered: RegisteredSet, relation: Composable, given: Composable) -> Composed:
    """What a function body does to refuse rows: relation is the live table's oid there, given an array of its rows."""
    name = registered.name
    return query(
        FILE,
        "refuse_unfit",
        rules=_rules(registered, relation),
        relation=relation,
        given=given,
        null_message=Literal(f"A row of {name} has no value for %I, which the live table needs."),
        check_message=Literal(f"A row of {name} breaks check %I of the live table."),
        key_message=Literal(f"A row of {name} breaks foreign key %I: %s has no such row."),
        right_message=Literal(
            f"A late row of {name} is held against foreign key %I as you: GRANT SELECT ON %s to this user."
        ),
    )


def hold_function(registered: RegisteredSet) -> GeneratedObject:
    """The function that holds rows given by fsdb itself. Who calls it has the rights that it needs, or not: it is for everybody."""
    function = internal(registered.history_table, "hold")
    unfit = rules_asked(registered, relation=SQL("live"), given=SQL("given"))
    body = SQL("#variable_conflict use_variable\n{}").format(query(FILE, "hold", refuse_unfit=unfit)).as_string()
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:hold",
        SQL("{}(regclass, anyarray, text[], text[])").format(function),
        "holds rows that go to history alone against the rules of the live table",
        query(FILE, "hold_function", function=function, body=Literal(body)),
        body,
    )


def refuse_unfit(
    connection: Connection[Any],
    registered: RegisteredSet,
    rows: Composable,
    *,
    values: Mapping[str, Composable],
    filled: Sequence[str] | None = None,
) -> None:
    """Raises psycopg.IntegrityError where a row breaks a rule of the live table.

    rows: what can stand after FROM, with its conditions. values: an expression for each column of the live table that the rows have;
    rules on others are not asked. filled: only rules that concern one of these columns; else all.
    """
    live = Literal(registered.live.as_string())
    found = connection.execute(
        query(FILE, "has_rules", rules=_rules(registered, SQL("{}::regclass").format(live)))
    ).fetchone()
    if found is None or not found[0]:
        return
    columns = [name for (name,) in connection.execute(query(FILE, "columns", live_name=live))]
    connection.execute(
        query(
            FILE,
            "hold_rows",
            hold=internal(registered.history_table, "hold"),
            live=registered.live,
            live_name=live,
            known=_texts(list(values)),
            filled=SQL("NULL") if filled is None else _texts(filled),
            values=joined([values.get(name, SQL("NULL")) for name in columns]),
            rows=rows,
        )
    )


def _rules(registered: RegisteredSet, relation: Composable) -> Composed:
    columns = Columns(registered)
    settled = [*columns.key_names, *([columns.time] if columns.time is not None else [])]
    return query(FILE, "rules", relation=relation, settled=_texts(settled))


def _texts(names: Sequence[str]) -> Composed:
    return SQL("ARRAY[{}]::pg_catalog.text[]").format(joined([Literal(name) for name in names]))
