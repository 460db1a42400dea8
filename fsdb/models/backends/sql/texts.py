"""Parts of a function from sql/models: the named texts without their comments, which would fill the body."""

from psycopg.sql import SQL, Composable, Composed

from fsdb.sql import query


def fragment(file: str, name: str, /, **parts: Composable) -> Composed:
    """The text `name` of sql/models/`file`.sql with its parts filled in."""
    head, *rest = query(f"models/{file}", name, **parts)
    lines = head.as_string().split("\n")
    while lines[0].startswith("--"):
        del lines[0]
    return Composed([SQL("\n".join(lines)), *rest])
