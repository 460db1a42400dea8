-- name: list
-- Schedules with where they stand, in order of name; only those named where names are given.
SELECT name, job, sets, cron, timezone, query, search_path, extract(epoch FROM lookback)::float8 AS lookback_seconds, retries, catch_up, after, reads,
       description, tags, owner, paused_at, done_until, coming, attempt, next_try
FROM fsdb.schedules WHERE %(names)s::text[] IS NULL OR name = ANY (%(names)s::text[]) ORDER BY name

-- name: lock
-- One schedule, held until the transaction ends; no row where another session holds it.
SELECT name, job, sets, cron, timezone, query, search_path, extract(epoch FROM lookback)::float8 AS lookback_seconds, retries, catch_up, after, reads,
       description, tags, owner, paused_at, done_until, coming, attempt, next_try
FROM fsdb.schedules WHERE name = %(name)s FOR UPDATE SKIP LOCKED

-- name: put
-- Registers a schedule, or writes its definition anew.
INSERT INTO fsdb.schedules AS s
    (name, job, feature_set, sets, cron, timezone, query, statement, search_path, lookback, retries, catch_up, after, reads, description, tags, owner, done_until, coming)
VALUES (%(name)s, %(job)s, %(feature_set)s, %(sets)s::text[], %(cron)s, %(timezone)s, %(query)s, %(statement)s, %(search_path)s, %(lookback)s, %(retries)s, %(catch_up)s,
        %(after)s::text[], %(reads)s::text[], %(description)s, %(tags)s::text[], %(owner)s, %(done_until)s, '{{}}')
ON CONFLICT (name) DO UPDATE SET job = excluded.job, feature_set = excluded.feature_set, sets = excluded.sets, cron = excluded.cron, timezone = excluded.timezone,
    query = excluded.query, statement = excluded.statement, search_path = excluded.search_path, lookback = excluded.lookback, retries = excluded.retries, catch_up = excluded.catch_up,
    after = excluded.after, reads = excluded.reads, description = excluded.description, tags = excluded.tags, owner = excluded.owner,
    attempt = 0, next_try = NULL

-- name: delete
-- Removes a schedule.
DELETE FROM fsdb.schedules WHERE name = %(name)s

-- name: coming
-- Writes the ends of the next slots.
UPDATE fsdb.schedules SET began = %(began)s, coming = %(coming)s::timestamptz[] WHERE name = %(name)s

-- name: done
-- Moves a schedule on.
UPDATE fsdb.schedules SET done_until = %(done_until)s, began = %(done_until)s, coming = %(coming)s::timestamptz[], attempt = 0, next_try = NULL WHERE name = %(name)s

-- name: failed
-- Leaves a schedule at its slot until it is tried again.
UPDATE fsdb.schedules SET attempt = %(attempt)s, next_try = %(next_try)s WHERE name = %(name)s

-- name: pause
-- Pauses a schedule, or lets it run again: what failed before is then tried at once.
UPDATE fsdb.schedules SET paused_at = %(paused_at)s, next_try = CASE WHEN %(paused_at)s::timestamptz IS NULL THEN NULL ELSE next_try END WHERE name = %(name)s

-- name: record
-- Writes a run down.
INSERT INTO fsdb.runs (schedule, job, since, until, outcome, rows, changed, error, attempt, next_try, started_at, duration)
VALUES (%(schedule)s, %(job)s, %(since)s, %(until)s, %(outcome)s, %(rows)s, %(changed)s, %(error)s, %(attempt)s, %(next_try)s, %(started_at)s, %(duration)s)

-- name: sees_errors
-- Whether the caller may read why runs failed.
SELECT has_column_privilege('fsdb.runs', 'error', 'SELECT')

-- name: last_error
-- Why the last run failed.
SELECT error FROM fsdb.runs WHERE schedule = %(name)s ORDER BY run_id DESC LIMIT 1

-- name: standing
-- Where each schedule stands, in words.
SELECT s.name, concat_ws('; ', s.job || ' at ' || s.cron || ', ' || s.timezone,
    CASE WHEN r.run_id IS NULL THEN 'never ran'
         ELSE format('last run %%s, %%s', date_trunc('second', r.started_at), CASE WHEN r.outcome = 'done' THEN coalesce(r.rows, 0) || ' rows' ELSE 'failed' END) END,
    CASE WHEN s.paused_at IS NOT NULL THEN format('paused since %%s', date_trunc('second', s.paused_at))
         WHEN s.attempt > 0 THEN format('failing, %%s times in a row; tried again at %%s', s.attempt, date_trunc('second', s.next_try))
         WHEN s.coming[1] <= %(now)s THEN format('due since %%s', s.coming[1])
         ELSE 'next run ' || s.coming[1] END)
FROM fsdb.schedules s
LEFT JOIN LATERAL (SELECT r.run_id, r.started_at, r.outcome, r.rows FROM fsdb.runs r WHERE r.schedule = s.name ORDER BY r.run_id DESC LIMIT 1) r ON true
ORDER BY s.name

-- name: table
-- Every schedule, when it ran last and how that went, and when it runs next.
SELECT s.name, s.job, s.cron, s.timezone,
       CASE WHEN s.paused_at IS NOT NULL THEN 'paused' WHEN s.attempt > 0 THEN 'failing' WHEN s.coming[1] <= %(now)s THEN 'due' ELSE 'waiting' END AS state,
       r.started_at AS last_run, r.outcome, r.rows, r.duration::text AS duration, s.done_until,
       CASE WHEN s.paused_at IS NULL THEN greatest(s.coming[1], s.next_try) END AS next_run,
       ARRAY(SELECT d.name FROM fsdb.schedules d WHERE d.name = ANY (s.after || s.reads) AND d.name <> s.name ORDER BY d.name) AS after, {error} AS error
FROM fsdb.schedules s
LEFT JOIN LATERAL (SELECT {columns} FROM fsdb.runs r WHERE r.schedule = s.name ORDER BY r.run_id DESC LIMIT 1) r ON true
ORDER BY s.name

-- name: runs
-- Runs, the newest first.
SELECT r.run_id, r.schedule, r.job, r.since, r.until, r.outcome, r.rows, r.changed, r.attempt, r.next_try, r.started_at, r.duration::text AS duration, r.by, {error} AS error
FROM fsdb.runs r WHERE %(schedule)s::text IS NULL OR r.schedule = %(schedule)s::text ORDER BY r.run_id DESC LIMIT %(most)s
