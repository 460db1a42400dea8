-- name: at_offset
-- A time that bears no zone as a moment, so many seconds ahead of UTC.
(({value} AT TIME ZONE 'UTC') OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => {seconds}))

-- name: in_zone
-- A time that bears no zone as a moment of a zone. Of a time that a change of clocks repeats PostgreSQL takes the later moment:
-- the earlier one is what the offset of a day before gives, where that is the same time of the clock. It runs under the user's search path.
(SELECT CASE WHEN earlier.moment OPERATOR(pg_catalog.<) later.moment AND (earlier.moment AT TIME ZONE {zone}) OPERATOR(pg_catalog.=) local.value
             THEN earlier.moment ELSE later.moment END
 FROM (SELECT {value} AS value) AS local,
      LATERAL (SELECT local.value AT TIME ZONE {zone} AS moment) AS later,
      LATERAL (SELECT (local.value OPERATOR(pg_catalog.-)
                       (((later.moment OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE {zone})
                        OPERATOR(pg_catalog.-) ((later.moment OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE 'UTC')))
                      AT TIME ZONE 'UTC' AS moment) AS earlier)
