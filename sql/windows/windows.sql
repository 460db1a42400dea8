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

-- name: whole
-- Of a double that is neither too large nor too small, the whole part; NULL of any other.
CASE WHEN pg_catalog.abs({value}) OPERATOR(pg_catalog.<) 9.2e18::double precision
          AND (pg_catalog.abs({value}) OPERATOR(pg_catalog.>=) 2.3e-16::double precision OR {value} OPERATOR(pg_catalog.=) 0::double precision)
     THEN pg_catalog.trunc({value})::bigint END

-- name: fraction
-- What is left of it, in 2^-52, which is a whole number from 1 on. Each step is exact.
CASE WHEN pg_catalog.abs({value}) OPERATOR(pg_catalog.<) 9.2e18::double precision
          AND pg_catalog.abs({value}) OPERATOR(pg_catalog.>=) 2.3e-16::double precision
     THEN pg_catalog.trunc(({value} OPERATOR(pg_catalog.-) pg_catalog.trunc({value})) OPERATOR(pg_catalog.*) 4503599627370496::double precision)::bigint END

-- name: rest
-- What is left of that below 1, in 2^-104.
CASE WHEN pg_catalog.abs({value}) OPERATOR(pg_catalog.<) 1::double precision
          AND pg_catalog.abs({value}) OPERATOR(pg_catalog.>=) 2.3e-16::double precision
     THEN (({value} OPERATOR(pg_catalog.*) 4503599627370496::double precision
            OPERATOR(pg_catalog.-) pg_catalog.trunc({value} OPERATOR(pg_catalog.*) 4503599627370496::double precision))
           OPERATOR(pg_catalog.*) 4503599627370496::double precision)::bigint END

-- name: far
-- Any other double as the number that it is; NaN and infinities, too.
CASE WHEN pg_catalog.abs({value}) OPERATOR(pg_catalog.>=) 9.2e18::double precision
          OR (pg_catalog.abs({value}) OPERATOR(pg_catalog.<) 2.3e-16::double precision AND {value} OPERATOR(pg_catalog.<>) 0::double precision)
     THEN fsdb.exact_far({value}) END

-- name: total
-- The parts put together; NULL where none counts.
CASE WHEN {whole} IS NOT NULL OR {far} IS NOT NULL THEN
    coalesce({whole}, 0::numeric)
    OPERATOR(pg_catalog.+) coalesce({fraction} OPERATOR(pg_catalog.*) 0.0000000000000002220446049250313080847263336181640625, 0::numeric)
    OPERATOR(pg_catalog.+) coalesce({rest}
        OPERATOR(pg_catalog.*) 0.00000000000000000000000000000004930380657631323783823303533017413935457540219431393779814243316650390625, 0::numeric)
    OPERATOR(pg_catalog.+) coalesce({far}, 0::numeric) END

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
