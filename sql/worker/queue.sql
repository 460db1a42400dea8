-- name: listen
-- Inserts into tables that workers score tell of it when they commit.
LISTEN fsdb_scoring

-- name: wait
-- Says that this connection waits: inserts notify only where one does. False while an insert asks whether one does, or somebody else is
-- in the way.
SELECT pg_catalog.pg_try_advisory_lock_shared(1718838642, 1)

-- name: awake
-- Says that it does not any more.
SELECT pg_catalog.pg_advisory_unlock_shared(1718838642, 1)

-- name: settings
-- For one transaction: a table that is being changed is not waited for long, and what a worker that hangs has locked comes free.
SELECT pg_catalog.set_config('lock_timeout', %(lock)s, true), pg_catalog.set_config('idle_in_transaction_session_timeout', %(idle)s, true)

-- name: immediate
-- What constraints of the application have against a row they say at once, while it is known which one it is.
SET CONSTRAINTS ALL IMMEDIATE

-- name: due
-- Deployments that have rows to score, that whose first row has waited longest first.
SELECT d.name
FROM fsdb.deployments AS d CROSS JOIN LATERAL (
    SELECT q.not_before FROM fsdb.scoring_queue AS q
    WHERE q.deployment_id = d.deployment_id AND q.not_before <= statement_timestamp()
    ORDER BY q.not_before LIMIT 1
) AS first
WHERE %(deployment)s::text IS NULL OR d.name = %(deployment)s::text
ORDER BY first.not_before

-- name: owned
-- Whether the user may do what the table's owner may; nothing where there is no such table.
SELECT pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: lock
-- As the UPDATE will: taken before rows of the queue are, as undeploying does, so that the two cannot block each other.
LOCK TABLE {table} IN ROW EXCLUSIVE MODE

-- name: take
-- The rows to score next; those that another worker has are passed over. A row is not_before its insert at first.
SELECT q.prediction_id, q.release FROM fsdb.scoring_queue AS q
WHERE q.deployment_id = %(deployment_id)s AND q.not_before <= statement_timestamp()
ORDER BY q.not_before LIMIT %(most)s FOR UPDATE SKIP LOCKED

-- name: done
-- Takes rows out of the queue.
DELETE FROM fsdb.scoring_queue WHERE deployment_id = %(deployment_id)s AND prediction_id = ANY (%(predictions)s::bigint[])

-- name: again
-- Rows that failed are tried later, each time after a longer while.
UPDATE fsdb.scoring_queue
SET attempts = attempts + 1, last_error = %(reason)s,
    not_before = clock_timestamp() + make_interval(secs => %(factor)s::float8 ^ attempts)
WHERE deployment_id = %(deployment_id)s AND prediction_id = ANY (%(predictions)s::bigint[]) AND attempts + 1 < %(most)s

-- name: later
-- Rows that this worker cannot score, through no fault of theirs.
UPDATE fsdb.scoring_queue SET last_error = %(reason)s, not_before = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE deployment_id = %(deployment_id)s AND prediction_id = ANY (%(predictions)s::bigint[])

-- name: worn_out
-- Which rows have failed once too often.
SELECT prediction_id FROM fsdb.scoring_queue
WHERE deployment_id = %(deployment_id)s AND prediction_id = ANY (%(predictions)s::bigint[]) AND attempts + 1 >= %(most)s

-- name: bury
-- Makes dead letters of rows.
WITH gone AS (
    DELETE FROM fsdb.scoring_queue WHERE deployment_id = %(deployment_id)s AND prediction_id = ANY (%(predictions)s::bigint[])
    RETURNING deployment_id, prediction_id, release, enqueued_at, attempts + 1
)
INSERT INTO fsdb.scoring_dead_letters (deployment_id, prediction_id, release, enqueued_at, attempts, error)
SELECT gone.*, %(reason)s FROM gone

-- name: revive
-- Puts the dead letters of a deployment back into the queue.
WITH back AS (
    DELETE FROM fsdb.scoring_dead_letters WHERE deployment_id = %(deployment_id)s
    RETURNING deployment_id, prediction_id, release, enqueued_at
)
INSERT INTO fsdb.scoring_queue (deployment_id, prediction_id, release, enqueued_at) SELECT back.* FROM back

-- name: wake
-- Tells workers of rows.
SELECT pg_catalog.pg_notify('fsdb_scoring', %(deployment_id)s::text)
