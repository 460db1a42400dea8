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

-- name: foreign_functions
-- Of some functions of models those whose owner could not act as this user anyway, with their owners: they would run with this user's rights.
SELECT p.proname::text, pg_catalog.pg_get_userbyid(p.proowner)::text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
WHERE n.nspname = %(models)s AND p.proname = ANY (%(names)s::text[]) AND NOT fsdb.acts_as(o.oid, (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = current_user))
  AND o.oid <> (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = 'fsdb.feature_sets'::regclass)
ORDER BY 1

-- name: others
-- Whether a function belongs to a role whose rights this user does not have; nothing where there is none.
SELECT bool_or(NOT pg_has_role(p.proowner, 'USAGE')) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %(models)s AND p.proname = %(name)s

-- name: rules
-- Whether this user has the rights of the catalog's owner.
SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c WHERE c.oid = 'fsdb.feature_sets'::regclass

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
