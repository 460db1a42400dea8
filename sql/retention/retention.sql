-- name: read_committed
-- Each statement sees what was committed before it, also predictions that refer to versions.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED

-- name: patience
-- Work on the copy may take long and is waited for; reading it back takes long as well.
SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)

-- name: impatience
-- Others are not held up for longer.
SELECT set_config('lock_timeout', %(milliseconds)s, true)

-- name: cutoff
-- The moment that lies a duration back.
SELECT clock_timestamp() - make_interval(secs => %(seconds)s)

-- name: candidates
-- Versions in the copy that a later one of the same key had superseded by a moment: no read as of that moment or later needs them,
-- and each key's newest version is not among them.
CREATE TEMPORARY TABLE {candidates} ON COMMIT DROP AS
SELECT h.version_id FROM (
    SELECT h.version_id, h.xid, row_number() OVER (PARTITION BY {h_keys} ORDER BY h.event_time DESC, h.version_id DESC) AS place
    FROM {history} h WHERE h.event_time <= {cutoff}
) AS h
WHERE h.place > 1 AND NOT ({tail})

-- name: index_candidates
-- Makes the join with history, and the look-up by predictions, quick.
ALTER TABLE pg_temp.{candidates} ADD PRIMARY KEY (version_id)

-- name: analyze_candidates
-- Tells the planner how many there are.
ANALYZE pg_temp.{candidates}

-- name: show_candidates
-- The function that removes runs as the owner of the history table.
GRANT SELECT ON pg_temp.{candidates} TO {owner}

-- name: count
-- How many are left.
SELECT count(*) FROM pg_temp.{candidates}

-- name: ids
-- The next ones in order, from a version_id on.
SELECT version_id FROM pg_temp.{candidates} WHERE version_id > %(after)s ORDER BY version_id LIMIT %(most)s

-- name: await_deployments
-- Waits for a transaction that deploys, and may have inserted predictions already.
LOCK TABLE fsdb.deployments IN SHARE MODE

-- name: predictions
-- Model tables whose rows refer to versions of a set, with the column that does.
SELECT DISTINCT d.name, d.schema_name, d.table_name, s.version_column
FROM fsdb.deployment_sets s JOIN fsdb.deployments d USING (deployment_id)
WHERE s.feature_set = %(feature_set)s AND to_regclass(format('%%I.%%I', d.schema_name, d.table_name)) IS NOT NULL
ORDER BY 1, 4

-- name: others
-- Transactions of this database that are open besides this one, prepared ones too.
SELECT l.virtualtransaction FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'virtualxid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid()
  AND a.datname = current_database() AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
UNION ALL
SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE database = current_database()

-- name: keep_referred
-- Versions that a prediction was made from stay, so that lineage and replay are plain SQL.
DELETE FROM pg_temp.{candidates} c WHERE EXISTS (SELECT FROM {predictions} p WHERE p.{version_column} = c.version_id)

-- name: only_here
-- A version that has a value for a column which the copy does not have.
SELECT h.version_id FROM {history} h JOIN pg_temp.{candidates} c USING (version_id) WHERE h.{column} IS NOT NULL LIMIT 1

-- name: versions
-- Versions by number.
FROM {history} AS version WHERE version.version_id = ANY ({ids}::bigint[]) ORDER BY version.version_id

-- name: as_text
{value}::text

-- name: as_integer
{value}::integer

-- name: remove
-- Removes them, moves the reach and leaves the record.
SELECT {function}({candidates}::regclass, %(reach)s, %(copy_snapshot)s)

-- name: drop_candidates
-- They have left.
DROP TABLE pg_temp.{candidates}

-- name: reach
-- The set's reach now.
SELECT reach FROM fsdb.feature_sets WHERE name = %(name)s
