-- name: create_spine
-- The spine of a saved training set, which never changes.
CREATE TABLE fsdb_training.{table} ({ordinal} bigint PRIMARY KEY, {columns})

-- name: fill_spine
-- Takes the rows in their order.
INSERT INTO fsdb_training.{table} SELECT row_number() OVER (), * FROM (
{rows}
) AS rows

-- name: drop_spine
-- Removes the spine of a saved training set.
DROP TABLE fsdb_training.{table}

-- name: spine
-- The spine's table, by its number.
SELECT c.oid::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'fsdb_training' AND c.relname = %(name)s
