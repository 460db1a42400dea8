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

-- name: reach
-- Since when PostgreSQL holds every version of a set; NULL where none ever left.
SELECT fsdb.reach(%(feature_set)s)
