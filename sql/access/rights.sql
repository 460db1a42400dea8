-- name: holders
-- Who has the rights of which role: the cluster's roles of these names, and users who were given them themselves.
SELECT r.role, p.oid::bigint, p.rolname::text, NULL::text AS target
FROM fsdb.roles r JOIN pg_catalog.pg_roles p ON p.rolname OPERATOR(pg_catalog.=) r.rolname::pg_catalog.name
WHERE r.role <> 'admin'
UNION ALL
SELECT g.role, p.oid::bigint, p.rolname::text, nullif(g.target, '')
FROM fsdb.grants g JOIN pg_catalog.pg_roles p ON p.oid = g.grantee_oid AND p.rolname = g.grantee::pg_catalog.name
WHERE g.role <> 'admin'
ORDER BY 1, 3, 4

-- name: objects
-- Everything that is fsdb's in the database, each with its row in the table of rights (NULL: none), what it belongs to, and who has which
-- rights on it: by the number of the role, 0 for PUBLIC.
WITH relation AS (
    SELECT c.oid, c.relname, n.nspname, c.relkind, c.relowner, c.relacl FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'S', 'm', 'f')
), named AS (
    SELECT s.name, s.schema_name, s.live_schema, s.live_table, s.history_table, s.tracked,
           CASE WHEN s.schema_name = 'public' THEN s.name ELSE substr(s.name, length(s.schema_name) + 2) END AS short
    FROM fsdb.feature_sets s
), viewed AS (
    SELECT v.name, v.schema_name, CASE WHEN v.schema_name = 'public' THEN v.name ELSE substr(v.name, length(v.schema_name) + 2) END AS short
    FROM fsdb.training_views v
), found AS (
    SELECT 'fsdb.' || r.relname AS row, r.oid, NULL::text AS target FROM relation r WHERE r.nspname = 'fsdb'
    UNION ALL SELECT 'fsdb_iceberg.' || r.relname, r.oid, NULL FROM relation r WHERE r.nspname = 'fsdb_iceberg'
    UNION ALL SELECT CASE WHEN r.relkind = 'r' THEN 'saved spine' END, r.oid, NULL FROM relation r WHERE r.nspname = 'fsdb_training'
    UNION ALL SELECT CASE WHEN r.relkind = 'S' AND starts_with(r.relname, 'rejected_') THEN 'counter of rejected rows' END, r.oid, NULL
        FROM relation r WHERE r.nspname = 'fsdb_models'
    UNION ALL SELECT CASE WHEN r.relname = s.history_table THEN 'history table' WHEN r.relname = s.history_table || ':version_id' THEN 'counter of versions' END,
               r.oid, s.name
        FROM relation r LEFT JOIN named s ON r.relname IN (s.history_table, s.history_table || ':version_id') WHERE r.nspname = 'fsdb_history'
    UNION ALL SELECT CASE WHEN s.tracked THEN 'tracked table' ELSE 'live table' END, r.oid, s.name
        FROM relation r JOIN named s ON (r.nspname, r.relname) = (s.live_schema::name, s.live_table::name)
    UNION ALL SELECT 'history view', r.oid, s.name
        FROM relation r JOIN named s ON (r.nspname, r.relname) = (s.schema_name::name, (s.short || '_history')::name) WHERE r.relkind = 'v'
    UNION ALL SELECT 'training view', r.oid, v.name
        FROM relation r JOIN viewed v ON (r.nspname, r.relname) = (v.schema_name::name, (v.short || '_training')::name) WHERE r.relkind = 'v'
    UNION ALL SELECT 'model table', r.oid, d.name
        FROM relation r JOIN fsdb.deployments d ON (r.nspname, r.relname) = (d.schema_name::name, d.table_name::name)
    UNION ALL SELECT 'counter of predictions', p.objid, d.name
        FROM relation r JOIN fsdb.deployments d ON (r.nspname, r.relname) = (d.schema_name::name, d.table_name::name)
        JOIN pg_depend p ON p.refobjid = r.oid AND p.refclassid = 'pg_class'::regclass AND p.classid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')
        JOIN pg_class q ON q.oid = p.objid AND q.relkind = 'S'
    UNION ALL SELECT 'attached table', r.oid, NULL
        FROM relation r JOIN fsdb.deployment_feeds f ON f.role = 'attached' AND (r.nspname, r.relname) = (f.source_schema::name, f.source_table::name)
    UNION ALL SELECT 'view of an attached table', r.oid, d.name
        FROM fsdb.deployment_feeds f JOIN fsdb.deployments d USING (deployment_id)
        JOIN relation r ON (r.nspname, r.relname) = (d.schema_name::name, f.view_name::name) WHERE r.relkind = 'v'
), routine AS (
    SELECT p.oid, p.proname, p.proowner, p.proacl, n.nspname, CASE n.nspname
             WHEN 'fsdb' THEN 'fsdb.' || p.proname || '()'
             WHEN 'fsdb_history' THEN
                CASE WHEN p.prorettype = 'trigger'::regtype THEN 'trigger function of history'
                     WHEN s.name IS NOT NULL THEN 'function ' || substr(p.proname, length(s.history_table) + 1) || ' of history' END
             WHEN 'fsdb_models' THEN CASE WHEN p.prorettype = 'trigger'::regtype THEN 'trigger function of a deployment' ELSE 'scoring function' END
           END AS row, s.name AS target
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN named s ON n.nspname = 'fsdb_history' AND starts_with(p.proname, s.history_table || ':')
    WHERE n.nspname IN ('fsdb', 'fsdb_history', 'fsdb_models')
    UNION ALL SELECT p.oid, p.proname, p.proowner, p.proacl, n.nspname, 'as-of function', s.name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN named s ON (n.nspname, p.proname) = (s.schema_name::name, (s.short || '_as_of')::name)
        OR s.history_table IS NULL AND (n.nspname, p.proname) = (s.schema_name::name, (s.short || '_events')::name)
    UNION ALL SELECT p.oid, p.proname, p.proowner, p.proacl, n.nspname, 'vector function', v.name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN viewed v ON (n.nspname, p.proname) = (v.schema_name::name, (v.short || '_vector')::name)
), schema AS (
    SELECT CASE WHEN n.nspname IN ('fsdb', 'fsdb_history', 'fsdb_training', 'fsdb_models', 'fsdb_iceberg') THEN 'schema ' || n.nspname
                ELSE 'schema of an application' END AS row, n.oid, n.nspname::text AS target
    FROM pg_namespace n
    WHERE n.nspname IN ('fsdb', 'fsdb_history', 'fsdb_training', 'fsdb_models', 'fsdb_iceberg', 'public')
       OR n.nspname IN (SELECT schema_name FROM named UNION SELECT live_schema FROM named UNION SELECT schema_name FROM viewed UNION SELECT schema_name FROM fsdb.deployments)
       OR n.nspname IN (SELECT target FROM fsdb.grants WHERE role = 'deployer')
), everything AS (
    SELECT f.row, CASE r.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind, r.oid, format('%%I.%%I', r.nspname, r.relname) AS signature, f.target, r.relowner AS owner,
           r.relacl AS acl, CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END AS default_kind, r.nspname::text AS schema
    FROM found f JOIN relation r USING (oid)
    UNION ALL
    SELECT f.row, 'function', f.oid, format('%%I.%%I(%%s)', f.nspname, f.proname, pg_get_function_identity_arguments(f.oid)), f.target, f.proowner, f.proacl, 'f',
           f.nspname::text
    FROM routine f
    UNION ALL
    SELECT s.row, 'schema', n.oid, format('%%I', n.nspname), s.target, n.nspowner, n.nspacl, 'n', n.nspname::text
    FROM schema s JOIN pg_namespace n USING (oid)
), asked AS (
    SELECT * FROM everything e WHERE %(oids)s::oid[] IS NULL OR e.oid = ANY (%(oids)s::oid[])
), shaped AS (
    -- Of thousands of objects few have rights of their own: each list of rights is read once.
    SELECT s.owner, s.default_kind, s.given, jsonb_object_agg(s.grantee, s.rights) AS rights FROM (
        SELECT a.owner, a.default_kind, a.given, x.grantee::bigint::text AS grantee, jsonb_agg(DISTINCT x.privilege_type) AS rights
        FROM (SELECT DISTINCT ON (owner, default_kind, acl::text) owner, default_kind, acl, acl::text AS given FROM asked) a,
             aclexplode(coalesce(a.acl, acldefault(a.default_kind::"char", a.owner))) x
        GROUP BY a.owner, a.default_kind, a.given, x.grantee
    ) s GROUP BY s.owner, s.default_kind, s.given
), of_columns AS (
    SELECT s.attrelid, jsonb_object_agg(s.grantee, s.rights) AS rights FROM (
        SELECT g.attrelid, g.grantee, jsonb_agg(g.right) AS rights FROM (
            SELECT c.attrelid, x.grantee::bigint::text AS grantee, x.privilege_type || ' (' || string_agg(c.attname, ', ' ORDER BY c.attnum) || ')' AS right
            FROM pg_attribute c, aclexplode(c.attacl) x WHERE NOT c.attisdropped AND c.attacl IS NOT NULL
            GROUP BY c.attrelid, x.grantee, x.privilege_type
        ) g GROUP BY g.attrelid, g.grantee
    ) s GROUP BY s.attrelid
)
SELECT e.row, e.kind, e.oid::bigint, e.signature, e.target, e.owner::bigint, e.acl IS NULL AS untouched, pg_has_role(e.owner, 'USAGE') AS ours,
       coalesce(s.rights, '{{}}') AS rights, coalesce(c.rights, '{{}}') AS of_columns
FROM asked e
LEFT JOIN shaped s ON s.owner = e.owner AND s.default_kind = e.default_kind AND s.given IS NOT DISTINCT FROM e.acl::text
LEFT JOIN of_columns c ON e.kind = 'table' AND c.attrelid = e.oid
ORDER BY e.schema, e.kind, e.signature

-- name: keeper
-- fsdb's own role: the owner of the catalog.
SELECT c.relowner::bigint, pg_get_userbyid(c.relowner)::text FROM pg_class c WHERE c.oid = to_regclass('fsdb.catalog_version')

-- name: give
-- Gives rights on objects of one kind.
GRANT {rights} ON {kind} {objects} TO {grantee}

-- name: take
-- Takes rights on objects of one kind away.
REVOKE {rights} ON {kind} {objects} FROM {grantee}
