-- name: watchful
-- The server looks now and then whether the client is still there, and else ends the run.
SELECT set_config('client_connection_check_interval', '5s', true)

-- name: hold
-- One schedule, held until the transaction ends; an error where a run has it.
SELECT FROM fsdb.schedules WHERE name = %(name)s FOR UPDATE NOWAIT

-- name: hold_after_run
-- One schedule, held until the transaction ends, once no other session holds it.
SELECT FROM fsdb.schedules WHERE name = %(name)s FOR UPDATE

-- name: followers
-- The schedules that were declared to come after one.
SELECT name FROM fsdb.schedules WHERE %(name)s = ANY (after) ORDER BY name

-- name: may_run
-- Whether this user may run schedules, and see them.
SELECT has_table_privilege('fsdb.schedules', 'UPDATE'), has_table_privilege('fsdb.schedules', 'SELECT')

-- name: any
-- Whether there are schedules.
SELECT EXISTS (SELECT FROM fsdb.schedules)

-- name: near_the_end
-- Schedules of which half of the slots that are worked out ahead are over; one that is held is passed over.
SELECT name FROM fsdb.schedules WHERE cardinality(coming) < %(most)s / 2 FOR UPDATE SKIP LOCKED

-- name: due
-- Schedules that may have something to run at a moment, those that others wait for as far as times tell first.
SELECT name FROM fsdb.schedules
WHERE paused_at IS NULL AND (coming[1] IS NULL OR coming[1] <= %(now)s) AND (next_try IS NULL OR next_try <= %(now)s)
ORDER BY coming[1] NULLS FIRST, name
