"""Views of users' own that read a set's history view: they make room while that is made anew, and come back as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, errors
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal

from fsdb import locks
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import ChangeRefused
from fsdb.history.grants import grant, grants
from fsdb.history.live import shown
from fsdb.history.names import as_of_function, history_view
from fsdb.locks import Mode
from fsdb.sql import query

FILE = "history/dependents"


@contextmanager
def set_aside(connection: Connection[Any], registered: RegisteredSet) -> Iterator[None]:
    """Around making the set's views anew. Rights, owner, options and comments of the views that read them are kept.

    What cannot be kept (materialized views, views with triggers or rules of their own, or on the set's function) stays, and is then in the way. Raises
    ChangeRefused where such a view reads a column that goes.
    """
    given = {
        "view": history_view(registered).as_string(),
        "function": f"{as_of_function(registered).as_string()}(timestamp with time zone)",
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        views = cursor.execute(query(FILE, "views"), given).fetchall()
    locks.take(connection, {(view["schema"], view["name"]): Mode.ACCESS_EXCLUSIVE for view in views})
    names = [Identifier(view["schema"], view["name"]) for view in views]
    kept = [grants(connection, "view", name) for name in names]
    for name in reversed(names):
        connection.execute(query(FILE, "drop", view=name))
    yield
    for view, name, rights in zip(views, names, kept, strict=True):
        options = SQL(f"WITH ({view['options']})" if view["options"] else "")
        definition = SQL(view["definition"].replace("{", "{{").replace("}", "}}").rstrip().rstrip(";")).format()
        try:
            with connection.transaction():
                connection.execute(query(FILE, "create", view=name, options=options, definition=definition))
        except errors.InsufficientPrivilege:
            raise
        except errors.ProgrammingError as error:
            raise ChangeRefused(
                f"View {shown(view['schema'], view['name'])} reads {registered.name} in a way that this change would break: "
                f"{error.diag.message_primary}. Change or drop the view first."
            ) from error
        if not view["own"]:
            connection.execute(query(FILE, "own", view=name, owner=Identifier(view["owner"])))
        if view["comment"] is not None:
            connection.execute(query(FILE, "comment", view=name, comment=Literal(view["comment"])))
        grant(connection, "view", name, rights)
