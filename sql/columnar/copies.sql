-- name: place
-- Where the metadata of a set's copy is, unless something is still to be erased from it, and what its features are called in history now.
SELECT t.metadata_location,
       ARRAY(SELECT f.feature_id FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id),
       ARRAY(SELECT f.history_column FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id),
       ARRAY(SELECT f.type FROM fsdb.features AS f WHERE f.feature_set = c.feature_set ORDER BY f.feature_id),
       c.former_folders, ARRAY(SELECT w.warehouse_id FROM fsdb.warehouses AS w)
FROM fsdb.copies AS c
JOIN fsdb_iceberg.iceberg_tables AS t ON (t.catalog_name, t.table_namespace, t.table_name) = ('fsdb', c.table_namespace, c.table_name)
WHERE c.feature_set = %(feature_set)s AND NOT EXISTS (SELECT FROM fsdb.erasure_files e WHERE e.feature_set = c.feature_set)

-- name: places
-- Folders that a table's files may be in beside its own, and the names of databases' folders.
SELECT coalesce((SELECT c.former_folders FROM fsdb.copies AS c WHERE (c.table_namespace, c.table_name) = (%(namespace)s, %(table)s)), '{{}}'),
       ARRAY(SELECT w.warehouse_id FROM fsdb.warehouses AS w)

-- name: leave_folder
-- Notes a folder that holds files of a copy, before the copy goes on in another one.
UPDATE fsdb.copies SET former_folders = former_folders || %(folder)s::text
WHERE feature_set = %(feature_set)s AND %(folder)s::text <> ALL (former_folders)

-- name: forget_folders
-- All files of a copy are in its own folder.
UPDATE fsdb.copies SET former_folders = '{{}}' WHERE feature_set = %(feature_set)s AND former_folders <> '{{}}'

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
-- This database's own folder in any warehouse. A base backup, a promoted standby and a server put back to an earlier moment have the
-- system identifier of the server that they come from, but another timeline or place.
SELECT w.warehouse_id
FROM fsdb.warehouses AS w, pg_control_system() AS system, pg_control_checkpoint() AS checkpoint, pg_control_recovery() AS recovery
WHERE w.system_identifier = system.system_identifier
  AND w.database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND w.timeline = greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline)
  AND coalesce(w.data_directory = CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END, true)
ORDER BY w.warehouse_number DESC LIMIT 1

-- name: new_warehouse
-- Gives this database a new folder in any warehouse.
INSERT INTO fsdb.warehouses (system_identifier, database_oid, timeline, data_directory)
SELECT system.system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),
       greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline),
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END
FROM pg_control_system() AS system, pg_control_checkpoint() AS checkpoint, pg_control_recovery() AS recovery
RETURNING warehouse_id

-- name: claimed_folders
-- Folders in which this database, or one that it was restored or cloned from, has worked on copies.
SELECT DISTINCT folder FROM fsdb.warehouse_claims

-- name: noted_claims
-- The words that this database has left in a folder.
SELECT word FROM fsdb.warehouse_claims WHERE folder = %(folder)s

-- name: note_claim
-- Notes a word that is about to be left.
INSERT INTO fsdb.warehouse_claims (folder, word) VALUES (%(folder)s, %(word)s)

-- name: forget_claims
-- Forgets words that newer ones stand for, when nobody can be looking at them any more.
DELETE FROM fsdb.warehouse_claims
WHERE folder = %(folder)s AND word <> %(word)s AND noted_at < clock_timestamp() - interval '1 day'

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

-- name: all_leftovers
-- What nothing refers to any more, however young.
SELECT location, folder FROM fsdb.copy_leftovers
