"""The check that history keeps the columns of a live table exactly, which stands before each version that is written."""

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.history.columns import Columns
from fsdb.history.names import internal
from fsdb.sql import query


def checked_column(registered: RegisteredSet, column: Identifier, live: list[str], kept: list[str]) -> Composed:
    """A column, behind the check that history keeps the live columns exactly under the kept ones, and numbers versions upwards."""
    return query("history/objects", "first_column", kept=_asked(registered, live, kept), column=column)


def kept(registered: RegisteredSet, live_name: Composable | None = None, *, keys: bool = False) -> Composed:
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
