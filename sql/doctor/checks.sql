-- name: settings
-- What a server's settings are that matter to fsdb; under the user's search path, which tells where new tables go.
SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num')::integer, pg_catalog.current_setting('jit'),
       pg_catalog.current_setting('default_transaction_isolation'), pg_catalog.current_schema()::pg_catalog.text, current_user::pg_catalog.text

-- name: unpinned_functions
-- Functions of fsdb that run with their owner's rights and leave to the caller in which schemas names are looked up.
SELECT p.oid::regprocedure::text FROM pg_proc AS p
WHERE p.pronamespace = ANY (ARRAY(SELECT to_regnamespace(s)::oid FROM unnest(%(schemas)s::text[]) AS s))
  AND p.prosecdef AND NOT coalesce(array_to_string(p.proconfig, ' '), '') LIKE '%%search_path=%%'
ORDER BY 1

-- name: open_schemas
-- Schemas of fsdb in which other roles than their owner may create objects; deployers may in two.
SELECT n.nspname FROM pg_namespace AS n, LATERAL aclexplode(n.nspacl) AS a
WHERE n.nspname = ANY (%(schemas)s) AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
  AND NOT (n.nspname IN ('fsdb_models', 'fsdb_training')
           AND a.grantee IN (SELECT r.oid FROM pg_roles AS r JOIN fsdb.roles AS f ON f.rolname = r.rolname AND f.role = 'deployer'
                             UNION ALL SELECT g.grantee_oid FROM fsdb.grants AS g WHERE g.role = 'deployer'))
ORDER BY 1

-- name: foreign_owners
-- History tables that do not belong to the role whose rights their trigger functions have.
SELECT DISTINCT c.relname FROM pg_class AS c
JOIN pg_trigger AS t ON NOT t.tgisinternal
JOIN fsdb.feature_sets AS s ON s.history_table = c.relname AND t.tgrelid = to_regclass(format('%%I.%%I', s.live_schema, s.live_table))
JOIN pg_proc AS p ON p.oid = t.tgfoid AND p.pronamespace = 'fsdb_history'::regnamespace
WHERE c.relnamespace = 'fsdb_history'::regnamespace AND c.relowner <> p.proowner
ORDER BY 1

-- name: feature_policies
-- Policies on history tables that read other columns than keys, with one such column: an as-of read skips versions that they hide.
SELECT s.name, p.polname, min(a.attname) FROM pg_policy AS p
JOIN pg_class AS c ON c.oid = p.polrelid AND c.relnamespace = 'fsdb_history'::regnamespace
JOIN fsdb.feature_sets AS s ON s.history_table = c.relname
JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE NOT EXISTS (SELECT FROM fsdb.feature_set_keys AS k WHERE k.feature_set = s.name AND k.name = a.attname)
GROUP BY s.name, p.polname ORDER BY s.name, p.polname

-- name: versions_left
-- How many versions of a set retention has removed; a former set of the same name had others.
SELECT coalesce(sum(r.versions), 0)::bigint FROM fsdb.removals AS r JOIN fsdb.feature_sets AS s ON s.name = r.feature_set
WHERE s.name = %(name)s AND r.removed_at >= s.created_at

-- name: load_models
-- Loads every model that onnxruntime scores in this server, as the first insert of a connection would; how many there are.
SELECT fsdb.warm_up()

-- name: backlog
-- Rows that wait for a worker, whether the first has waited for five minutes, and those that no worker tries again.
SELECT deployment, waiting, coalesce(oldest < clock_timestamp() - interval '5 minutes', false), dead
FROM fsdb.scoring_backlog ORDER BY deployment
