"""Everything in a database that migrations may touch, as comparable data read from PostgreSQL's own catalogs."""

from typing import Any

import psycopg

# Row order and object identifiers differ between two ways to the same schema; names and definitions do not.
QUERIES = {
    "columns": """
        SELECT n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace::regnamespace::text !~ '^pg_' AND connamespace::regnamespace::text <> 'information_schema'
          AND contype <> 'n'""",
    "functions": """
        SELECT pronamespace::regnamespace::text, proname, pg_get_functiondef(p.oid), obj_description(p.oid) FROM pg_proc p
        WHERE pronamespace::regnamespace::text !~ '^pg_' AND pronamespace::regnamespace::text <> 'information_schema'
          AND prokind = 'f'""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid), obj_description(oid) FROM pg_trigger WHERE NOT tgisinternal""",
    "views": """
        SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), obj_description(c.oid) FROM pg_class c
        WHERE relkind = 'v' AND relnamespace::regnamespace::text !~ '^pg_' AND relnamespace::regnamespace::text <> 'information_schema'""",
    "comments": """
        SELECT oid::regclass::text, obj_description(oid) FROM pg_class
        WHERE relnamespace::regnamespace::text !~ '^pg_' AND relnamespace::regnamespace::text <> 'information_schema' AND relkind IN ('r', 'S')""",
    "indexes": "SELECT schemaname, tablename, indexname, indexdef FROM pg_indexes WHERE schemaname !~ '^pg_'",
    "schemas": "SELECT nspname, obj_description(oid) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
}


def schema(connection: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Tables, columns, constraints, functions, triggers, views, indexes and schemas, sorted."""
    return {name: sorted(connection.execute(text), key=repr) for name, text in QUERIES.items()}


def difference(
    before: dict[str, list[tuple[Any, ...]]], after: dict[str, list[tuple[Any, ...]]]
) -> dict[str, tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
    """Per kind what is only before and what is only after; empty where both are the same."""
    found = {}
    for kind, rows in before.items():
        lost, new = [r for r in rows if r not in after[kind]], [r for r in after[kind] if r not in rows]
        if lost or new:
            found[kind] = (lost, new)
    return found
