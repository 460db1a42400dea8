-- name: place
-- Where the metadata of a set's copy is, and what its features are called in history now.
SELECT t.metadata_location,
       ARRAY(SELECT f.feature_id FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id),
       ARRAY(SELECT f.history_column FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id),
       ARRAY(SELECT f.type FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id)
FROM fsdb.copies AS c
JOIN fsdb_iceberg.iceberg_tables AS t ON (t.catalog_name, t.table_namespace, t.table_name) = ('fsdb', c.table_namespace, c.table_name)
WHERE c.feature_set = %(feature_set)s

-- name: claim
-- Notes that a set has a copy, before there is one.
INSERT INTO fsdb.copies (feature_set, table_namespace, table_name) VALUES (%(feature_set)s, %(namespace)s, %(table)s)
ON CONFLICT (feature_set) DO NOTHING

-- name: claimed
-- Whether a set has a copy.
SELECT EXISTS (SELECT FROM fsdb.copies WHERE feature_set = %(feature_set)s)

-- name: abandoned
-- Tables of the Iceberg catalog that no set has any more; one under its name with :new is being made.
SELECT t.table_namespace, t.table_name FROM fsdb_iceberg.iceberg_tables AS t
WHERE t.catalog_name = 'fsdb' AND (%(namespace)s::text IS NULL OR (t.table_namespace, t.table_name) = (%(namespace)s::text, %(table)s::text))
  AND NOT EXISTS (SELECT FROM fsdb.copies AS c
                  WHERE c.table_namespace = t.table_namespace
                    AND (c.table_name = t.table_name OR %(namespace)s::text IS NULL AND c.table_name || ':new' = t.table_name))
ORDER BY 1, 2

-- name: leave
-- Notes what may be removed after a while.
INSERT INTO fsdb.copy_leftovers (location, folder) SELECT unnest(%(locations)s::text[]), %(folder)s
ON CONFLICT (location) DO UPDATE SET left_at = clock_timestamp()

-- name: own_warehouse
-- This database's own folder in any warehouse. The update that changes nothing gives the row also where another session made it just now.
INSERT INTO fsdb.warehouses AS own (system_identifier, database_oid)
SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()
ON CONFLICT (system_identifier, database_oid) DO UPDATE SET warehouse_id = own.warehouse_id
RETURNING warehouse_id

-- name: take_out
-- Takes a table out of the Iceberg catalog and tells its folder.
DELETE FROM fsdb_iceberg.iceberg_tables
WHERE (catalog_name, table_namespace, table_name) = ('fsdb', %(namespace)s, %(table)s)
RETURNING regexp_replace(metadata_location, '/metadata/[^/]*$', '')

-- name: rename_table
-- Gives a table of the Iceberg catalog another name.
UPDATE fsdb_iceberg.iceberg_tables SET table_name = %(table)s
WHERE (catalog_name, table_namespace, table_name) = ('fsdb', %(namespace)s, %(old)s)

-- name: leftovers
-- What nothing refers to any more, and whether that has been so for long enough.
SELECT location, folder, left_at <= clock_timestamp() - %(age)s::interval FROM fsdb.copy_leftovers

-- name: forget_leftovers
-- What was removed.
DELETE FROM fsdb.copy_leftovers WHERE location = ANY (%(locations)s)
