-- name: state
-- One entity's features over windows that end at a moment: always one row. The events are read once, by the longest window. Views and
-- functions of the caller's run it under whatever search path that one has.
SELECT {outputs}
FROM (
    SELECT {aggregates}
    FROM {rows}
) AS state

-- name: bounded
-- The events, beside the moments at which windows begin and end.
(SELECT {bounds} OFFSET 0) AS bound CROSS JOIN LATERAL (
    {events}
) AS event

-- name: events_now
-- The entity's events as they are now.
SELECT {columns}
FROM {events} AS event
WHERE {keys} AND event.{at} OPERATOR(pg_catalog.>) bound.longest AND event.{at} OPERATOR(pg_catalog.<=) bound.until
OFFSET 0

-- name: events_then
-- The entity's events as a reader of history saw them: of each event the newest version that he saw. Tombstones have no time.
SELECT {columns}
FROM (
    SELECT * FROM {history} AS version
    WHERE {keys} AND version.{at} OPERATOR(pg_catalog.>) bound.longest AND version.{at} OPERATOR(pg_catalog.<=) bound.until{seen}
) AS event
WHERE NOT EXISTS (
    SELECT FROM {history} AS version
    WHERE version.{id} OPERATOR(pg_catalog.=) event.{id}
      AND (version.event_time, version.version_id) OPERATOR(pg_catalog.>) (event.event_time, event.version_id){seen}
)
OFFSET 0

-- name: pinned
-- Counts only the versions that a pin has; all of them where there is none.
 AND (({pin}).high IS NULL OR version.version_id OPERATOR(pg_catalog.<=) ({pin}).restored
      OR (version.version_id OPERATOR(pg_catalog.+) 0::bigint OPERATOR(pg_catalog.<=) ({pin}).high
          AND (version.xid OPERATOR(pg_catalog.=) ({pin}).own OR pg_catalog.pg_visible_in_snapshot(version.xid, ({pin}).snapshot))))

-- name: bound
-- Where a window begins or ends.
fsdb.window_bound({at}, {back}::bigint, {step}::bigint)

-- name: within
-- Whether an event counts in a window.
FILTER (WHERE event.at OPERATOR(pg_catalog.>) bound.{begin}{condition})

-- name: count
pg_catalog.count({value}) {within}

-- name: sum
-- Of numbers without rounding; NULL where none counts.
pg_catalog.sum({value}) {within}

-- name: squares
pg_catalog.sum({value} OPERATOR(pg_catalog.*) {value}) {within}

-- name: min
pg_catalog.min({value}) {within}

-- name: max
pg_catalog.max({value}) {within}

-- name: first
-- Of events at one time the one with the least id.
(pg_catalog.array_agg({value} ORDER BY event.at, event.id) {within})[1]

-- name: last
(pg_catalog.array_agg({value} ORDER BY event.at DESC, event.id DESC) {within})[1]

-- name: sum_of_doubles
fsdb.nearest({sum})

-- name: sum_of_integers
-- An integer, or an error that names the feature and the entity.
CASE WHEN {sum} OPERATOR(pg_catalog.>=) -9223372036854775808 AND {sum} OPERATOR(pg_catalog.<=) 9223372036854775807 THEN {sum}::bigint
     WHEN {sum} IS NOT NULL THEN fsdb.refuse_sum({feature}, {entity}) END

-- name: without_sign
-- -0 comes out as 0.
{value} OPERATOR(pg_catalog.+) '0'

-- name: mean
-- One division.
fsdb.quotient(fsdb.nearest({sum}), {count}::double precision)

-- name: stddev
-- Of a sample; the difference is exact and rounded once.
CASE WHEN {count} OPERATOR(pg_catalog.>=) 2 THEN pg_catalog.sqrt(fsdb.quotient(
    fsdb.nearest(({count} OPERATOR(pg_catalog.*) {squares}) OPERATOR(pg_catalog.-) ({sum} OPERATOR(pg_catalog.*) {sum})),
    {count}::double precision OPERATOR(pg_catalog.*) ({count} OPERATOR(pg_catalog.-) 1)::double precision
)) END

-- name: entity
-- The key's values for an error.
pg_catalog.concat_ws(', ', {keys})

-- name: version
-- What the row of a version has besides features.
NULL::bigint AS version_id, NULL::timestamptz AS event_time, {recorded} AS recorded_at, {count} OPERATOR(pg_catalog.=) 0 AS deleted

-- name: recorded
pg_catalog.max({value})

-- name: events
pg_catalog.count(*)
