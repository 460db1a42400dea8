-- What a database with fsdb's catalog shows to people who read and write SQL. For the page docs/reference/sql.md.

-- name: relations
-- Tables and views of a schema, or of those names in it, each with its comment, in the order of their names.
SELECT c.oid, n.nspname, c.relname, c.relkind IN ('v', 'm') AS is_view, obj_description(c.oid, 'pg_class')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm')
  AND n.nspname = %(schema)s
  AND (%(names)s::text[] IS NULL OR c.relname = ANY (%(names)s))
ORDER BY c.relname

-- name: columns
-- Columns of a table or view with their types and comments, in their order.
SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
FROM pg_attribute a
WHERE a.attrelid = %(relation)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: functions
-- Functions of a schema, or of those names in it: what they take and give, and their comments; triggers say that they are one.
SELECT p.proname, pg_get_function_arguments(p.oid), coalesce(pg_get_function_result(p.oid), 'nothing: a procedure'), obj_description(p.oid, 'pg_proc')
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %(schema)s AND (%(names)s::text[] IS NULL OR p.proname = ANY (%(names)s))
ORDER BY p.proname, 2
