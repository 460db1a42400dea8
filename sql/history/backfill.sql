-- name: past_points
-- The rows to backfill that lie before their keys' newest versions.
(SELECT p.* FROM {points} p WHERE p.event_time <
    (SELECT h.event_time FROM {history} h WHERE {h_is_p} ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1))

-- name: bad_points
-- Rows to backfill without a key or a finite event_time, and rows beyond the first of one key and event_time; and when the first is.
SELECT count(*) FILTER (WHERE {null_key}),
       count(*) FILTER (WHERE p.event_time IS NULL OR p.event_time >= {latest} OR p.event_time < {earliest}),
       count(*) - count(DISTINCT ROW({p_keys}, p.event_time)), min(p.event_time) FILTER (WHERE isfinite(p.event_time))
FROM {points} p

-- name: lock
-- Locks the rows of the keys to backfill in order of key.
SELECT FROM {live} l JOIN (SELECT DISTINCT {p_keys} FROM {points} p) g ON {l_is_g} ORDER BY {l_keys} FOR UPDATE OF l

-- name: compute
-- The versions that a backfill writes, and which of them is its key's newest. The timeline of a key is its points and the
-- winning versions that it has. A point's value is carried to later versions without one, until a version that has
-- one itself, a tombstone, or the next point.
CREATE TEMPORARY TABLE {rows} ON COMMIT DROP AS
WITH timeline AS (
    SELECT {p_keys}, p.event_time FROM {points} p
    WHERE EXISTS (SELECT FROM {history} h WHERE {h_is_p})
    UNION
    SELECT {h_keys}, h.event_time FROM {history} h JOIN (SELECT DISTINCT {p_keys} FROM {points} p) p ON {h_is_p}
), states AS (
    SELECT {t_keys}, t.event_time AS at, held.version, {held_values},
           p.event_time IS NOT NULL AND NOT coalesce((held.version).deleted, false) AS is_point, {point_values},
           coalesce((held.version).event_time = t.event_time, false) AS is_version, coalesce((held.version).deleted, false) AS is_gone
    FROM timeline t
    LEFT JOIN {points} p ON {p_is_t} AND p.event_time = t.event_time
    LEFT JOIN LATERAL (SELECT h AS version FROM {history} h WHERE {h_is_t} AND h.event_time <= t.event_time
                       ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1) held ON true
), anchored AS (
    SELECT x.*, {anchors}
    FROM states x WHERE x.is_point OR x.is_version
    WINDOW past AS (PARTITION BY {x_keys} ORDER BY x.at)
), carried AS (
    SELECT x.*, {carries}, row_number() OVER (PARTITION BY {x_keys} ORDER BY x.at DESC) = 1 AS is_newest
    FROM anchored x
)
SELECT {x_keys}, x.at AS event_time, x.is_newest, {new_values}, ROW({version})::{history} AS version
FROM carried x
WHERE NOT x.is_gone AND ((x.is_point AND NOT x.is_version) OR record_image_ne(ROW({news}), ROW({olds})))

-- name: held_value
-- What the version that holds at a time has for a feature.
(held.version).{column} AS {old}

-- name: point_value
-- What a point states for a feature.
p.{feature} AS {stated}

-- name: anchor
-- Numbers stretches of time that begin with a statement about a feature: a point, a value of a version's own, or a tombstone.
count(*) FILTER (WHERE x.is_point OR (x.is_version AND (x.is_gone OR x.{old} IS NOT NULL))) OVER past AS {stretch}

-- name: carry
-- The value that a version has once the backfill is done.
CASE WHEN x.is_point THEN x.{stated} WHEN x.{old} IS NOT NULL THEN x.{old}
     ELSE first_value(CASE WHEN x.is_point THEN x.{stated} END) OVER (PARTITION BY {x_keys}, x.{stretch} ORDER BY x.at) END AS {new}

-- name: past_rows
-- The versions that are not their keys' newest.
pg_temp.{rows} b WHERE NOT b.is_newest

-- name: version_value
-- A column of such a version.
(b.version).{column}

-- name: write_past
-- Writes the versions that are not their keys' newest, in chunks.
SELECT {write}(array_agg(chunk.version ORDER BY chunk.number))
FROM (SELECT b.version, row_number() OVER (ORDER BY {b_keys}, b.event_time) AS number
      FROM pg_temp.{rows} b WHERE NOT b.is_newest) chunk
GROUP BY chunk.number / 10000 ORDER BY chunk.number / 10000

-- name: write_newest
-- Sets the live rows whose newest version the backfill changes; their trigger writes it. It runs under the user's search path.
UPDATE {live} l SET {sets}, {time} = b.event_time FROM pg_temp.{rows} b WHERE b.is_newest AND {l_is_b}

-- name: leave_newest
-- A tracked table stays as its application has it.
DELETE FROM pg_temp.{rows} b WHERE b.is_newest

-- name: count
-- How many versions the backfill writes.
SELECT count(*) FROM pg_temp.{rows}

-- name: drop_rows
-- The versions are written.
DROP TABLE pg_temp.{rows}
