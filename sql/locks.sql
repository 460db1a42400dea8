-- name: relations
-- Which of some relations are there, with what they are: tables and views alone.
SELECT n.nspname::text, c.relname::text, c.oid, c.relkind::text
FROM unnest(%(schemas)s::text[], %(names)s::text[]) wanted(schema_name, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema_name
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p', 'v')

-- name: timeouts
-- How long this session waits for a lock (0: without end) and after how long a waiting one looks for deadlocks, in milliseconds.
SELECT max(setting::bigint) FILTER (WHERE name = 'lock_timeout'), max(setting::bigint) FILTER (WHERE name = 'deadlock_timeout')
FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'deadlock_timeout')

-- name: set_timeout
-- How long a lock is waited for from here on in this transaction.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: tables
-- Locks tables one after the other.
LOCK TABLE {tables} IN {mode} MODE

-- name: view
-- Keeps everybody else off a view, and it alone: LOCK TABLE would lock what it reads as well. No view of fsdb's has that option.
ALTER VIEW {view} RESET (check_option)

-- name: holders
-- What other transactions hold or wait for on some relations, and whose they are, the oldest first. Who they are is hidden of other
-- users' sessions in part; a prepared transaction has no session.
SELECT l.relation, l.mode, l.pid, a.application_name, a.usename::text, a.state, a.xact_start
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY (%(relations)s::oid[]) AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
ORDER BY a.xact_start NULLS LAST, l.pid

-- name: take_turn
-- Waits for a turn, and has it until the transaction ends.
SELECT fsdb.take_turn(%(turn)s)

-- name: hold_reading
-- Keeps versions where they are until the transaction ends.
SELECT fsdb.hold_reading()

-- name: try_advisory
-- Has an advisory lock until the transaction ends, if nobody else has it.
SELECT pg_catalog.pg_try_advisory_xact_lock(%(key)s)

-- name: advisory
-- Waits for an advisory lock.
SELECT pg_catalog.pg_advisory_xact_lock(%(key)s)

-- name: advisory_holders
-- Who has an advisory lock, the oldest first, and whether they may create schemas in this database.
SELECT l.pid, a.application_name, a.usename::text, a.state, a.xact_start,
       pg_catalog.has_database_privilege(a.usesysid, pg_catalog.current_database(), 'CREATE')
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = %(key)s
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
ORDER BY a.xact_start NULLS LAST, l.pid
