-- name: registered
-- Everything that a catalog holds, as kind and name.
SELECT 'feature set' AS kind, name FROM fsdb.feature_sets
UNION ALL SELECT 'training view', name FROM fsdb.training_views
UNION ALL SELECT 'training set', name FROM fsdb.training_sets
UNION ALL SELECT 'deployment', name FROM fsdb.deployments
UNION ALL SELECT 'model', name FROM fsdb.models
ORDER BY kind, name

-- name: scheduled
-- The schedules.
SELECT name FROM fsdb.schedules ORDER BY name

-- name: expressed
-- The expressions, and the saved training sets that have one, as kind and name.
SELECT 'expression' AS kind, name FROM fsdb.expressions
UNION SELECT 'training set', training_set FROM fsdb.training_set_columns WHERE tree IS NOT NULL
ORDER BY kind, name

-- name: revision
-- The catalog's revision; fails where there is no catalog.
SELECT version_num FROM fsdb.catalog_version

-- name: records_migrations
-- Whether this catalog keeps the fingerprints of its migrations.
SELECT to_regclass('fsdb.catalog_migrations') IS NOT NULL

-- name: migrations
-- The fingerprints of the migrations that made this catalog.
SELECT revision, fingerprint FROM fsdb.catalog_migrations

-- name: unknown
-- The catalog's migrations besides those that are known, in their order, with whether each only added.
SELECT revision, additive FROM fsdb.catalog_migrations WHERE revision <> ALL (%(known)s::text[]) ORDER BY applied_at, revision

-- name: record_migration
-- Notes a migration that ran.
INSERT INTO fsdb.catalog_migrations (revision, fingerprint, additive) VALUES (%(revision)s, %(fingerprint)s, %(additive)s)

-- name: forget_migration
-- Takes away the note of a migration that was undone.
DELETE FROM fsdb.catalog_migrations WHERE revision = %(revision)s

-- name: has_catalog
-- Whether there is a catalog.
SELECT to_regclass('fsdb.catalog_version') IS NOT NULL

-- name: lock_table
-- How many locks all transactions together can hold for certain.
SELECT current_setting('max_locks_per_transaction')::bigint
       * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)

-- name: own_tables
-- Live tables that fsdb created, and model tables.
SELECT live_schema, live_table FROM fsdb.feature_sets WHERE NOT tracked AND live_table IS NOT NULL
UNION SELECT schema_name, table_name FROM fsdb.deployments

-- name: own_columns
-- Columns that fsdb added to others' tables, for predictions.
SELECT source_schema, source_table, unnest(result_columns) FROM fsdb.deployment_feeds

-- name: versions_have_left
-- Feature sets of which versions are in the columnar copy alone.
SELECT name FROM fsdb.feature_sets WHERE reach IS NOT NULL ORDER BY name

-- name: deployed
-- Deployments by name.
SELECT name FROM fsdb.deployments ORDER BY name

-- name: has_roles
-- Whether the catalog is of a revision that knows roles.
SELECT to_regclass('fsdb.roles') IS NOT NULL

-- name: current_schema
-- The schema in which a session makes what has none in its name.
SELECT pg_catalog.current_schema()

-- name: turns
-- Whether the user may change definitions; no row where there is no catalog whose turns could be taken.
SELECT pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = 'feature_sets'
  AND EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid AND p.proname = 'take_turn')
