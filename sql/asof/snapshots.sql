-- name: same_server
-- Whether the database is on the server that counted the xids of its versions.
SELECT s.system_identifier = c.system_identifier FROM fsdb.server AS s, pg_control_system() AS c

-- name: history_tables
-- Every history table.
SELECT history_table FROM fsdb.feature_sets ORDER BY history_table

-- name: wait_for_writers
-- Waits until no transaction has versions in this table that are not committed, and keeps it so.
LOCK TABLE {history} IN SHARE MODE

-- name: adopt_versions
-- All versions that are there came with the dump, or were committed since.
UPDATE fsdb.feature_sets
SET restored_version = coalesce(pg_sequence_last_value(pg_get_serial_sequence(format('fsdb_history.%I', history_table), 'version_id')::regclass), 0)

-- name: adopt_server
-- New versions have this server's xids.
UPDATE fsdb.server SET system_identifier = (SELECT system_identifier FROM pg_control_system()), adopted_at = clock_timestamp()

-- name: now
-- What a reader sees at this moment.
SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text::bigint

-- name: positions
-- How far the versions of every feature set had been counted, and up to where they came with a dump.
SELECT name, coalesce(pg_sequence_last_value(pg_get_serial_sequence(format('fsdb_history.%I', history_table), 'version_id')::regclass), 0), restored_version
FROM fsdb.feature_sets
