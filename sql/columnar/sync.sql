-- name: patience
-- A sync may take long, and its transaction that holds the lock is idle meanwhile.
SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)

-- name: unhurried
-- A sync may take long. SET, unlike a query, leaves it to a later statement to fix what the transaction sees.
SET LOCAL statement_timeout = 0

-- name: position
-- How far the set's versions have been counted.
SELECT fsdb.last_version(%(history_table)s)

-- name: writers
-- Open transactions that may have written versions: INSERT locks the table before it draws a version_id, until the transaction ends.
SELECT DISTINCT virtualtransaction, pid FROM pg_locks
WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation = %(history)s::regclass AND mode = 'RowExclusiveLock' AND granted

-- name: hold
-- Keeps the table as it is until the end of the transaction; readers and writers go on.
LOCK TABLE {history} IN ACCESS SHARE MODE

-- name: seen
-- What the transaction sees, and then how far versions have been counted: none that it sees is beyond.
SELECT pg_current_snapshot()::text, restored_version, fsdb.last_version(history_table)
FROM fsdb.feature_sets WHERE name = %(feature_set)s

-- name: versions
-- Versions of a set, as this transaction sees them.
FROM {history} AS version WHERE {condition}

-- name: numbers
-- The versions of a set by number.
SELECT version_id FROM {history}

-- name: held
-- How many versions of a set are in PostgreSQL, and how many of them are not in its copy.
SELECT count(*), count(*) FILTER (WHERE {tail}) FROM {history} AS version

-- name: expected
-- About how many versions there are, and how many values of each key.
SELECT greatest(c.reltuples, 0)::bigint, s.attname, s.n_distinct::float8
FROM pg_class AS c LEFT JOIN pg_stats AS s ON (s.schemaname, s.tablename) = (%(schema)s, c.relname) AND s.attname = ANY (%(keys)s)
WHERE c.oid = %(history)s::regclass

-- name: as_is
{value}

-- name: as_text
{value}::text

-- name: as_integer
{value}::integer

-- name: as_bigint
{value}::bigint

-- name: as_float
{value}::double precision
