"""Parts of a function from sql/models: the named texts without their comments, which would fill the body."""

from psycopg.sql import Composable, Composed

from fsdb import sql


def fragment(file: str, name: str, /, **parts: Composable) -> Composed:
    """The text `name` of sql/models/`file`.sql with its parts filled in."""
    return sql.fragment(f"models/{file}", name, **parts)
