-- name: lacking
-- What a user lacks on the objects that a refusal may speak of: those whose name the message holds. PostgreSQL names neither the schema
-- nor the right. Reading comes first: a right to write is named only where the one to read is there. Functions without that right name all that lack.
WITH object AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, n.nspname::text AS schema, c.relname::text AS name,
           c.oid::regclass::text AS shown, wanted.privilege, wanted.place, c.relowner AS owner,
           CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, wanted.privilege) ELSE has_table_privilege(c.oid, wanted.privilege) END AS has
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN (VALUES ('S', 'SELECT', 1), ('S', 'USAGE', 2), ('r', 'SELECT', 1), ('r', 'INSERT', 2), ('r', 'UPDATE', 3), ('r', 'DELETE', 4), ('r', 'TRUNCATE', 5))
      AS wanted (kind, privilege, place) ON wanted.kind = CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND position(c.relname IN %(message)s) > 0
      AND (n.nspname <> 'fsdb_history' OR wanted.privilege = 'SELECT') -- its triggers alone write history
    UNION ALL
    SELECT 'SCHEMA', n.nspname, n.nspname, quote_ident(n.nspname), wanted.privilege, wanted.place, n.nspowner,
           has_schema_privilege(n.oid, wanted.privilege)
    FROM pg_namespace AS n CROSS JOIN (VALUES ('USAGE', 1), ('CREATE', 2)) AS wanted (privilege, place)
    WHERE position(n.nspname IN %(message)s) > 0 AND n.nspname NOT LIKE 'pg\_temp\_%%'
    UNION ALL
    SELECT 'FUNCTION', n.nspname, p.proname, p.oid::regprocedure::text, 'EXECUTE', 1, p.proowner, has_function_privilege(p.oid, 'EXECUTE')
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname <> 'pg_catalog' AND position(p.proname IN %(message)s) > 0
    UNION ALL
    -- A session that has made temporary tables before is refused its schema of them, not the database.
    SELECT 'DATABASE', '', d.datname, quote_ident(d.datname), wanted.privilege, wanted.place, d.datdba, has_database_privilege(d.oid, wanted.privilege)
    FROM pg_database AS d CROSS JOIN (VALUES ('CREATE', 2), ('TEMPORARY', CASE %(kind)s WHEN 'database' THEN 3 ELSE 1 END)) AS wanted (privilege, place)
    WHERE d.datname = current_database() AND (position(d.datname IN %(message)s) > 0 OR position('pg_temp' IN %(message)s) > 0)
)
SELECT kind, shown, privilege, pg_get_userbyid(owner)::text, current_user::text, quote_ident(current_user)
FROM object
WHERE NOT has
ORDER BY lower(kind) = %(kind)s DESC, name = %(name)s DESC, length(name) DESC, place,
         schema = ANY (ARRAY['fsdb', 'fsdb_history', 'fsdb_iceberg', 'fsdb_training', 'fsdb_models']) DESC, schema
LIMIT 1
