-- name: create
-- The spine's rows, numbered in their order, for the time of one build.
CREATE TEMPORARY TABLE {table} ({ordinal} bigint NOT NULL, {columns})

-- name: fill
-- Takes the spine's rows and, in the same statement, the snapshot that they are read at. It runs under the user's search path.
WITH taken AS (
    INSERT INTO pg_temp.{table}
    SELECT pg_catalog.row_number() OVER (), {expressions} FROM (
{spine}
) AS spine RETURNING 1)
SELECT pg_catalog.count(*), pg_catalog.pg_current_snapshot()::pg_catalog.text, pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text::bigint FROM taken

-- name: unusable_times
-- Rows without a moment to be read at.
SELECT count(*) FILTER (WHERE {timestamp} IS NULL), count(*) FILTER (WHERE NOT isfinite({timestamp})) FROM pg_temp.{table}

-- name: rows
-- A spine's rows in their order.
FROM {relation} AS spine ORDER BY {ordinal}

-- name: column
{name} {type}

-- name: as_uuid
-- Texts as the uuids that they are. What pads a char goes first.
CAST(CAST({value} AS pg_catalog.text) AS pg_catalog.uuid)

-- name: entity_versions
-- A feature set's own history as spine: the moments at which an entity had a new version that holds.
SELECT {keys}, event_time FROM (
    SELECT DISTINCT ON ({keys}, event_time) {keys}, event_time, deleted FROM {history} ORDER BY {keys}, event_time DESC, version_id DESC
) AS winner WHERE NOT deleted

-- name: entities
-- The entities that a feature set has at a moment.
SELECT {keys} FROM (
    SELECT DISTINCT ON ({keys}) {keys}, deleted FROM {history} WHERE event_time <= {at} ORDER BY {keys}, event_time DESC, version_id DESC
) AS winner WHERE NOT deleted

-- name: history_spine
-- The histories of several sets with the same keys as one spine.
SELECT * FROM (
{parts}
) AS entity ORDER BY event_time, {keys}

-- name: current_spine
-- The entities of several sets with the same keys, at one moment.
SELECT *, {at} AS event_time FROM (
{parts}
) AS entity ORDER BY {keys}

-- name: clock
-- The wall clock.
SELECT clock_timestamp()
