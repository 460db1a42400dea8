-- name: server
-- The server, the database and the catalog's revision.
SELECT current_setting('server_version'), current_database(), (SELECT version_num FROM fsdb.catalog_version)

-- name: sets
-- The names of all feature sets that have tables, in order.
SELECT name FROM fsdb.feature_sets WHERE history_table IS NOT NULL ORDER BY name

-- name: sizes
-- Of some tables those that are there: how many rows the planner takes them to have (NULL where it never looked), whether counting them would
-- take long, whether they are plainly empty, and whether this user may read them.
SELECT n.nspname::text, c.relname::text, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, c.relpages > 10000 AND c.reltuples >= 0,
       c.relkind = 'r' AND NOT c.relhassubclass AND pg_catalog.pg_relation_size(c.oid) = 0,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
FROM (SELECT DISTINCT schema, name FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS given (schema, name)) AS given
JOIN pg_catalog.pg_namespace AS n ON n.nspname = given.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = given.name

-- name: count
-- How many rows a table has.
SELECT {table}::text, count(*) FROM {relation}
