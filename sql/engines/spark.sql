-- name: tail
-- Versions that a reader sees and the copy lacks, as far as the spine's moments can ask for them.
FROM {history} AS version WHERE {missing} AND version.event_time <= {latest}{seen}

-- name: as_is
-- A column that a copy holds as history does.
version.{column}

-- name: cast
-- A column that a copy holds as another type.
version.{column}::{type}

-- name: spine
-- A spine's rows in their order.
FROM {relation} AS spine ORDER BY {ordinal}

-- name: removals
-- The last time that versions left history for the copy alone.
SELECT coalesce(max(removal_id), 0) FROM fsdb.removals

-- name: loose_collations
-- Keys whose collation takes different texts for equal.
SELECT a.attname FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = to_regclass(%(history)s) AND a.attname = ANY (%(keys)s) AND NOT l.collisdeterministic
