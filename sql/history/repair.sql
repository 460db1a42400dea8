-- name: hidden_live
-- Whether row security leaves out rows of the live table for whoever asks.
SELECT pg_catalog.row_security_active(%(live)s::pg_catalog.text)

-- name: differing
-- Every key at which the live table and history as of infinity differ, with both. A colon keeps the names from being those of keys.
SELECT {keys}, l."l:row", n."h:row", coalesce(l."l:here", false) AS "l:here", NOT coalesce((n."h:row").deleted, true) AS "h:here"
FROM (SELECT {l_keys}, l AS "l:row", true AS "l:here" FROM {live} l) l
FULL JOIN (SELECT DISTINCT ON ({h_keys}) {h_keys}, h AS "h:row" FROM {history} h
           ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC) n USING ({keys})
WHERE coalesce(l."l:here", false) <> NOT coalesce((n."h:row").deleted, true) OR l."l:here" AND {differs}

-- name: keep
-- Keeps them for the statements that deal with them.
CREATE TEMPORARY TABLE {rows} ON COMMIT DROP AS {differing}

-- name: count
-- How many keys differ: with other values, in the live table alone, in history alone.
SELECT count(*) FILTER (WHERE "l:here" AND "h:here"), count(*) FILTER (WHERE NOT "h:here"), count(*) FILTER (WHERE NOT "l:here")
FROM {source} r

-- name: first
-- The first of them in order of key, with the values of both.
SELECT "l:here", "h:here", {keys}, {live_values}, {kept_values} FROM {source} r ORDER BY {keys} LIMIT %(limit)s

-- name: drop_rows
-- They are dealt with.
DROP TABLE pg_temp.{rows}

-- name: later
-- A live row whose time is not later than what history has for its key goes past that: nobody knows since when its values hold,
-- and the past must not learn them. Its trigger writes the version. It runs under the user's search path, as the three that change live rows do.
UPDATE {live} l SET {time} = {now} FROM pg_temp.{rows} r WHERE r."l:here" AND {l_is_r} AND {l_time} OPERATOR(pg_catalog.<=) (r."h:row").event_time

-- name: settled
-- Such rows are no difference any more.
DELETE FROM pg_temp.{rows} r WHERE r."l:here" AND {live_time} <= (r."h:row").event_time

-- name: write_versions
-- Versions of what the live table holds and tombstones of what it has not, in chunks.
SELECT {write}(array_agg(chunk.version ORDER BY chunk.number))
FROM (SELECT CASE WHEN r."l:here" THEN ROW({version})::{history} ELSE ROW({tombstone})::{history} END AS version,
             row_number() OVER (ORDER BY {keys}) AS number
      FROM pg_temp.{rows} r) chunk
GROUP BY chunk.number / 10000 ORDER BY chunk.number / 10000

-- name: now
-- The moment of the repair, past the key's newest version.
greatest(pg_catalog.clock_timestamp(), (r."h:row").event_time OPERATOR(pg_catalog.+) interval '1 microsecond')

-- name: when_live
-- The live row's own time where it is within the bounds and later than what history has for its key.
CASE WHEN {live_time} >= {earliest} AND {live_time} < {latest} AND {live_time} > coalesce((r."h:row").event_time, '-infinity') THEN {live_time} ELSE {now} END

-- name: switch
-- Switches a trigger off or on again.
ALTER TABLE {table} {switch} TRIGGER {trigger}

-- name: delete_live
-- Takes away live rows of which history has no value.
DELETE FROM {live} l USING pg_temp.{rows} r WHERE NOT r."h:here" AND {l_is_r}

-- name: update_live
-- Gives live rows the values of their newest versions.
UPDATE {live} l SET {sets} FROM pg_temp.{rows} r WHERE r."l:here" AND r."h:here" AND {l_is_r}

-- name: insert_live
-- Puts back live rows that history alone has.
INSERT INTO {live} ({columns}) SELECT {kept} FROM pg_temp.{rows} r WHERE NOT r."l:here" ORDER BY {keys}

-- name: fill_live
-- The live table as history has it as of infinity.
INSERT INTO {live} ({columns})
SELECT {kept} FROM (SELECT DISTINCT ON ({h_keys}) h AS "h:row" FROM {history} h
                    ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC) r
WHERE NOT (r."h:row").deleted
