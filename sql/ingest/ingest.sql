-- name: create
-- The rows in the types of the set: n numbers them, k… are keys, f… the features given, t is the event time. `late` rows go to history alone.
CREATE TEMPORARY TABLE {staging} (n bigint NOT NULL, {columns}, t timestamptz, late boolean NOT NULL DEFAULT false, newest boolean NOT NULL DEFAULT false)

-- name: fill
-- Takes the rows in their order.
INSERT INTO pg_temp.{staging} (n, {columns}) SELECT row_number() OVER (), {expressions} FROM (
{rows}
) AS given

-- name: unusable
-- How many rows have no key, no event time, an infinite one, or another one out of bounds.
SELECT count(*) FILTER (WHERE {keys_missing}), count(*) FILTER (WHERE t IS NULL), count(*) FILTER (WHERE NOT isfinite(t)),
       count(*) FILTER (WHERE isfinite(t) AND (t >= {latest} OR t < {earliest})), count(*) FROM pg_temp.{staging}

-- name: fractions
-- How many values are no whole numbers.
SELECT count(*) FROM (
{rows}
) AS given WHERE {value} <> trunc({value}) OR {value} = 'NaN'

-- name: repeated_keys
-- How many rows share their key with an earlier one.
SELECT count(*) - count(DISTINCT ({keys})) FROM pg_temp.{staging}

-- name: repeated
-- A key that comes more than once at one moment: how often, when, and the key.
SELECT count(*), s.t, {keys} FROM pg_temp.{staging} s GROUP BY {keys}, s.t HAVING count(*) > 1 ORDER BY s.t, {keys} LIMIT 1

-- name: analyze
-- Tells the planner how many rows there are, and of the columns that rows are found by.
ANALYZE pg_temp.{staging} ({columns})

-- name: carry
-- Features that the data does not hold: what they were at each row's moment.
UPDATE pg_temp.{staging} s SET {assignments}
FROM (SELECT g.n, {carried}
      FROM pg_temp.{staging} g CROSS JOIN LATERAL
           (SELECT h.* FROM {history} h WHERE {h_is_g} AND h.event_time <= coalesce(g.t, 'infinity')
            ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1) v
      WHERE NOT v.deleted) carried
WHERE s.n = carried.n

-- name: earliest
-- When the first row became true.
SELECT min(t) FROM pg_temp.{staging}

-- name: remove_unchanged
-- Rows that say what is known already: the version that holds from the same moment has the same features, in history or in
-- the row before. Equal moments count in the order of the data.
WITH before AS (
    SELECT {s_features} AS image, lag({s_features}) OVER same AS former, row_number() OVER same AS place, s.*
    FROM pg_temp.{staging} s WINDOW same AS (PARTITION BY {s_keys}, s.t ORDER BY s.n)
), known AS (
    SELECT b.n FROM before b WHERE b.place > 1 AND record_image_eq(b.image, b.former)
    UNION ALL
    SELECT b.n FROM before b CROSS JOIN LATERAL
        (SELECT h.* FROM {history} h WHERE {h_is_b} AND h.event_time = b.t ORDER BY h.version_id DESC LIMIT 1) v
    WHERE b.place = 1 AND NOT v.deleted AND record_image_eq(b.image, ROW({v_features}))
)
DELETE FROM pg_temp.{staging} s USING known WHERE s.n = known.n

-- name: remove_unchanged_now
-- Rows without event time that say what the live table holds.
DELETE FROM pg_temp.{staging} s USING {live} l WHERE {l_is_s} AND record_image_eq(ROW({l_features}), {s_features})

-- name: insert_first
-- The first row of each key that is not there yet: its insert is the lock that other sessions wait for. In order of the keys,
-- so that two sessions never wait for each other. How many, and how many of them are older than a known tombstone: these
-- are versions, but their triggers take them out of the live table again. It runs under the user's search path, for the table's other triggers.
WITH first AS (
    SELECT DISTINCT ON ({s_keys}) s.* FROM pg_temp.{staging} s
    WHERE NOT EXISTS (SELECT FROM {live} l WHERE {l_is_s}) AND {in_time} ORDER BY {s_keys}, s.t, s.n
), done AS (
    INSERT INTO {live} ({live_columns}) SELECT {columns} FROM first ORDER BY {keys}
    ON CONFLICT ({live_keys}) DO NOTHING RETURNING {live_keys}
), gone AS (
    DELETE FROM pg_temp.{staging} s USING first, done l WHERE first.n OPERATOR(pg_catalog.=) s.n AND {l_is_s} RETURNING {s_keys}, s.t
)
SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE EXISTS (SELECT FROM {history} h WHERE {h_is_gone} AND h.event_time OPERATOR(pg_catalog.>) gone.t))
FROM gone

-- name: in_time
-- Whether a row is later than everything that is known of its key: of a tracked table no trigger takes a late row out again.
NOT EXISTS (SELECT FROM {history} h WHERE {h_is_s} AND h.event_time OPERATOR(pg_catalog.>=) s.t)

-- name: clock
-- What a tracked table's time is set to where the data says none.
pg_catalog.clock_timestamp()

-- name: lock
-- The rows that are there, in order of the keys.
SELECT count(*) FROM (
    SELECT FROM {live} l WHERE EXISTS (SELECT FROM pg_temp.{staging} s WHERE {l_is_s}) ORDER BY {l_keys} FOR UPDATE
) AS locked

-- name: sort_out
-- Of each key the newest row, unless it is older than what is known; what is older than the newest known version is late.
-- A newest row that the live table holds already follows others of its moment: an update would change nothing there and write
-- no version, so it goes straight into history behind them.
UPDATE pg_temp.{staging} s SET late = sorted.late, newest = sorted.newest
FROM (SELECT g.n, coalesce(g.t < v.event_time, false) AS late,
             NOT coalesce(g.t < v.event_time, false)
             AND row_number() OVER (PARTITION BY {g_keys} ORDER BY g.t DESC, g.n DESC) = 1
             AND NOT (coalesce(g.t = v.event_time, false) AND EXISTS (SELECT FROM {live} l WHERE {l_is_g} AND record_image_eq(ROW({l_features}), {g_features})))
             AS newest
      FROM pg_temp.{staging} g LEFT JOIN LATERAL
           (SELECT h.event_time FROM {history} h WHERE {h_is_g} ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1) v ON true) sorted
WHERE s.n = sorted.n

-- name: others
-- The rows that go straight into history.
pg_temp.{staging} s WHERE {others}

-- name: write_others
-- Late rows and those between the first and the newest: straight into history, in order.
SELECT {write}(array_agg(chunk.version ORDER BY chunk.t, chunk.n))
FROM (SELECT ROW({version})::{history} AS version, s.t, s.n, (row_number() OVER (ORDER BY s.t, s.n) - 1) / 10000 AS chunk
      FROM pg_temp.{staging} s WHERE {others}) chunk
GROUP BY chunk.chunk ORDER BY chunk.chunk

-- name: update_newest
-- The newest row of each key that is there. Its trigger writes the version. It runs under the user's search path.
UPDATE {live} l SET {assignments} FROM pg_temp.{staging} s WHERE s.newest AND {l_is_s}

-- name: insert_newest
-- The newest row of each key that a tombstone of an earlier moment keeps out of the live table. It runs under the user's search path.
INSERT INTO {live} ({live_columns})
SELECT {columns} FROM pg_temp.{staging} s WHERE s.newest AND NOT EXISTS (SELECT FROM {live} l WHERE {l_is_s}) ORDER BY {keys}

-- name: count
-- What is left to do: late rows, others.
SELECT count(*) FILTER (WHERE late), count(*) FILTER (WHERE NOT late) FROM pg_temp.{staging}

-- name: drop
-- The rows have arrived.
DROP TABLE pg_temp.{staging}

-- name: points
-- The rows under the set's own names, as what stands after FROM and before its alias.
(SELECT {columns} FROM pg_temp.{staging})

-- name: part
-- Some columns of a query.
SELECT {columns} FROM (
{given}
) AS given
