-- name: functions
-- The named functions that exist, with their source and mark.
SELECT given.signature, p.prosrc AS source, pg_catalog.obj_description(p.oid, 'pg_proc') AS mark
FROM unnest(%(signatures)s::text[]) given(signature)
JOIN pg_catalog.pg_proc p ON p.oid = pg_catalog.to_regprocedure(given.signature)

-- name: triggers
-- The triggers of a set's live and history tables, and those that call its functions wherever they are, with what they call,
-- whether they fire, and their mark.
SELECT n.nspname AS schema, c.relname AS table, t.tgname AS name, t.tgenabled::text AS enabled,
       pn.nspname || '.' || p.proname AS function,
       pg_catalog.obj_description(t.oid, 'pg_trigger') AS mark
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
WHERE NOT t.tgisinternal
  AND ((n.nspname, c.relname) = (%(live_schema)s, %(live_table)s) OR (n.nspname, c.relname) = (%(history_schema)s, %(history_table)s)
       OR pn.nspname = %(history_schema)s AND starts_with(p.proname, %(history_table)s || ':'))

-- name: relation
-- A relation of that name, with its kind and mark.
SELECT c.relkind::text AS kind, pg_catalog.obj_description(c.oid, 'pg_class') AS mark
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
