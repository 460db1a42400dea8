-- name: comment_function
-- Says what a function is, and by which text it was made.
COMMENT ON FUNCTION {function} IS {comment}

-- name: comment_trigger
-- Says what a trigger is, and by which text it was made.
COMMENT ON TRIGGER {trigger} ON {table} IS {comment}

-- name: body
-- The fingerprint of a function's body as it is in the database.
SELECT pg_catalog.left(pg_catalog.md5(p.prosrc), 12)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %(models)s AND p.proname = %(name)s

-- name: comments
-- Comments of the functions of models with their bodies' fingerprints, and of a model table's triggers; whether each is enabled.
SELECT 'function', p.proname::text, pg_catalog.obj_description(p.oid, 'pg_proc'), pg_catalog.left(pg_catalog.md5(p.prosrc), 12), true
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %(models)s
UNION ALL
SELECT 'trigger', t.tgname::text, pg_catalog.obj_description(t.oid, 'pg_trigger'), '', t.tgenabled IN ('O', 'A')
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND NOT t.tgisinternal

-- name: revoke
-- Keeps others from attaching a trigger function to tables of their own.
REVOKE ALL ON FUNCTION {function} FROM PUBLIC

-- name: drop_function
-- Removes a function of fsdb's.
DROP FUNCTION IF EXISTS {function}

-- name: create_sequence
-- Counts what is rolled back.
CREATE SEQUENCE IF NOT EXISTS {sequence}

-- name: count_for_all
-- Who may ask for a deployment's costs must know how many rows it refused.
GRANT SELECT ON SEQUENCE {sequence} TO PUBLIC

-- name: drop_sequence
-- Removes a sequence of fsdb's.
DROP SEQUENCE IF EXISTS {sequence}
