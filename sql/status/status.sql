-- name: server
-- The server, the database and the catalog's revision.
SELECT current_setting('server_version'), current_database(), (SELECT version_num FROM fsdb.catalog_version)

-- name: size
-- How many rows a relation has: counted where that takes no time, else as the planner estimates; and whether it is an estimate.
SELECT CASE WHEN c.relpages > 10000 AND c.reltuples >= 0 THEN c.reltuples::bigint ELSE (SELECT count(*) FROM {relation}) END,
       c.relpages > 10000 AND c.reltuples >= 0
FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass({name})

-- name: estimate
-- How many rows the planner takes a relation to have; NULL where it was never looked at.
SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, true
FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass({name})

-- name: exists
-- The relation of that name, NULL where there is none.
SELECT to_regclass({name})

-- name: readable
-- Whether this user may read a relation, NULL where there is none.
SELECT has_table_privilege(to_regclass({name})::oid, 'SELECT')
