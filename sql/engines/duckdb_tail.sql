-- name: source
-- Versions that are not in the copy, of those that the reader's snapshot saw and that can hold at one of its moments.
FROM {history} AS version WHERE {conditions}

-- name: until
-- Not later than the spine's last moment.
version.event_time <= {moment}

-- name: since
-- Not so long before the spine's first moment that every value is too old.
version.event_time >= {moment}

-- name: recorded_by
-- Known by a moment.
version.recorded_at <= {moment}

-- name: instant
-- A moment given in microseconds since 1970; in whole days first, because an interval times a number is computed as double precision.
'epoch'::timestamptz + {days} * interval '24 hours' + {micros} * interval '1 microsecond'

-- name: winners
-- Versions by their ids.
FROM {history} AS version JOIN unnest({wanted}::bigint[]) AS wanted (version_id) ON wanted.version_id = version.version_id

-- name: spine
-- A spine's rows in their order.
FROM {relation} AS spine ORDER BY {ordinal}

-- name: loose_collations
-- Keys whose collation takes different texts for equal.
SELECT a.attname FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = to_regclass(%(history)s) AND a.attname = ANY (%(keys)s) AND NOT l.collisdeterministic

-- name: as_type
-- A value as another type.
{value}::{type}
