-- name: same_server
-- Whether the xids of the database's versions were counted here: on this server, and not in a database that a dump was restored from.
SELECT s.system_identifier = c.system_identifier AND s.tableoid = m.table_oid AND s.xmin = m.row_xid
FROM fsdb.server AS s, fsdb.server_mark AS m, pg_control_system() AS c

-- name: history_tables
-- Every history table.
SELECT history_table FROM fsdb.feature_sets WHERE history_table IS NOT NULL ORDER BY history_table

-- name: adopt_versions
-- All versions that are there came with the dump, or were committed since.
UPDATE fsdb.feature_sets
SET restored_version = fsdb.last_version(history_table)
WHERE history_table IS NOT NULL

-- name: adopt_server
-- New versions have this server's xids.
UPDATE fsdb.server SET system_identifier = (SELECT system_identifier FROM pg_control_system()), adopted_at = clock_timestamp()

-- name: mark_server
-- Notes what no dump restores: which table this is, and which transaction wrote its row.
UPDATE fsdb.server_mark SET (table_oid, row_xid) = (SELECT tableoid, xmin FROM fsdb.server)

-- name: now
-- What a reader sees at this moment.
SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text::bigint

-- name: positions
-- How far the versions of every feature set had been counted, and up to where they came with a dump.
SELECT name, fsdb.last_version(history_table), restored_version
FROM fsdb.feature_sets WHERE history_table IS NOT NULL
