-- name: as_of_function
-- What a window set computes for one entity at a moment.
CREATE OR REPLACE FUNCTION {function}({parameters}, fsdb.event_pin DEFAULT NULL) RETURNS TABLE ({types}) LANGUAGE sql STABLE AS {body}

-- name: as_of_body
-- One row, always.
SELECT {columns}
FROM (
    {computed}
) AS version

-- name: events_function
-- The events that one feature of a window set counts for one entity at a moment.
CREATE OR REPLACE FUNCTION {function}({parameters}, fsdb.event_pin DEFAULT NULL)
RETURNS TABLE (event_id text, happened timestamp with time zone, value text, version_id bigint, recorded_at timestamp with time zone)
LANGUAGE sql STABLE AS {body}

-- name: events_body
-- In order of time, and of id where two happened at once.
SELECT event.id::text, event.at, CASE $1 {values} END, event.version_id, event.recorded_at
FROM {events}
WHERE CASE $1 {counted} ELSE fsdb.refuse_feature($1, {of}) END
ORDER BY event.at, event.id

-- name: of_feature
WHEN {feature} THEN {value}

-- name: index
-- Finds the events of one entity in a window, and what a correction of one replaced.
CREATE INDEX IF NOT EXISTS {index} ON {history} ({columns})

-- name: drop_index
-- No window set finds events by these columns any more.
DROP INDEX IF EXISTS {index}

-- name: function
-- The function of that signature: its source and its mark, where it is there.
SELECT p.prosrc AS source, obj_description(p.oid, 'pg_proc') AS mark
FROM pg_proc AS p WHERE p.oid = to_regprocedure(%(signature)s)
