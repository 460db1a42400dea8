-- name: too_late
-- Whether a moment is past the bound of the set.
SELECT {event_time} >= {latest}

-- name: given
-- The keys to delete, each once.
(SELECT DISTINCT * FROM ROWS FROM ({arrays}) AS given({keys}))

-- name: values
-- The values of one key, in order.
pg_catalog.unnest({array})

-- name: lock
-- Locks the rows of the given keys in order of key, so that two deletions never wait for each other.
SELECT FROM {live} l JOIN {given} g ON {l_is_g} ORDER BY {l_keys} FOR UPDATE OF l

-- name: write_tombstones
-- A tombstone at the given time of each key that is there at that time. Gives their number.
SELECT {write}(array_agg(ROW({version})::{history} ORDER BY {g_keys})), count(*)
FROM {given} g CROSS JOIN LATERAL
     (SELECT h.deleted FROM {history} h WHERE {h_is_g} AND h.event_time <= {event_time}
      ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1) held
WHERE NOT held.deleted

-- name: delete_live
-- Takes away the live rows whose newest version is now a tombstone; their trigger writes no second one. It runs under the user's search path.
DELETE FROM {live} l USING {given} g
WHERE {l_is_g} AND (SELECT h.deleted FROM {history} h WHERE {h_is_g} ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1)
