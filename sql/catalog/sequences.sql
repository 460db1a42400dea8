-- name: owned
-- The sequences that number rows of fsdb's own tables: of the catalog, of history and of model tables.
SELECT n.nspname::text, c.relname::text, a.attname::text, sn.nspname::text, s.relname::text
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
  AND (n.nspname = ANY (%(schemas)s::text[])
       OR EXISTS (SELECT FROM fsdb.deployments m WHERE (m.schema_name, m.table_name) = (n.nspname, c.relname)))
ORDER BY n.nspname, c.relname

-- name: behind
-- The last number that a sequence gave, where its table has a higher one.
SELECT s.given, m.highest
FROM (SELECT q.last_value - CASE WHEN q.is_called THEN 0 ELSE 1 END AS given FROM {sequence} q) s, (SELECT max({column}) AS highest FROM {table}) m
WHERE m.highest > s.given

-- name: advance
-- Sets a sequence past what its table has.
SELECT pg_catalog.setval({sequence}, (SELECT max({column}) FROM {table}))
