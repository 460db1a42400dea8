-- name: progress
-- A bar for people at a terminal, and for nobody else. In a notebook without ipywidgets DuckDB refuses this setting, whatever it is set to.
SET enable_progress_bar = {drawn}

-- name: settings
-- The session reads no files, and nothing changes that later. Moments come out in UTC. Of a join's two sides the second is hashed, as it is written.
SET TimeZone = 'UTC'; SET disabled_optimizers = 'join_order,build_side_probe_side';
SET enable_external_access = false; SET lock_configuration = true

-- name: since_event
-- From when on a version counts.
epoch_us(event_time)

-- name: payload
-- What the winning versions hold, for each row of the spine that has one.
CREATE OR REPLACE TABLE {payload} (position BIGINT, event_time BIGINT, recorded_at BIGINT, {columns})

-- name: fill_payload
-- Takes rows of the copy. Tombstones leave their rows without.
INSERT INTO {payload} SELECT position, {event_time}, epoch_us(recorded_at), {columns} FROM batch WHERE NOT deleted

-- name: answer
-- What comes out, in order.
CREATE TABLE {answer} (late BOOLEAN, matched BOOLEAN, {columns})

-- name: fill_answer
-- Some rows of the spine in order, with what comes out; NULLs where there is no version, or one of too long ago.
INSERT INTO {answer}
SELECT coalesce(payload.recorded_at > spine.moment, false), payload.position IS NOT NULL, {outputs}
FROM {payload} AS payload
RIGHT JOIN (SELECT position, moment FROM given_spine WHERE position >= {first} AND position < {end}) AS spine
    ON payload.position = spine.position AND {fresh} {defaults}
ORDER BY spine.position

-- name: ordered
-- What comes out for all rows of the spine, which were put in order before.
SELECT {outputs} FROM batch AS payload {defaults}

-- name: keep
-- Rows that were put in order, in a table, which may be on disk.
CREATE TABLE {answer} AS SELECT {columns} FROM batch

-- name: with_defaults
-- What stands for NULL, in one row.
CROSS JOIN given_defaults

-- name: ordered_with_defaults
-- The same; a join need not keep the order that it is given.
CROSS JOIN given_defaults ORDER BY payload.position

-- name: fresh
-- Not older than the age at which values no longer hold.
payload.event_time >= spine.moment - {age}

-- name: always
-- Values of any age hold.
true

-- name: refused
-- A value that Arrow cannot hold.
CASE WHEN {bad} THEN error({message}) ELSE {value} END

-- name: cast
-- A value as another type.
CAST({value} AS {type})

-- name: rescaled
-- Digits with as many decimal places as their type has.
CASE WHEN {value} IN ('NaN', 'Infinity', '-Infinity') THEN {value}
     ELSE split_part({value}, '.', 1) || '.' || rpad(split_part({value}, '.', 2), {scale}, '0') END

-- name: late_and_matched
-- In how many rows the version was recorded only after the row's moment, and for how many one holds that is not too old.
SELECT count(*) FILTER (late), count(*) FILTER (matched) FROM {answer}

-- name: rows
-- What comes out, in order.
SELECT {columns} FROM {answer}

-- name: drop
-- The answer stands; what led to it is of no more use.
DROP TABLE IF EXISTS {table}

-- name: versions
-- Versions of events as a reader saw them: which of one event is the newest.
CREATE TABLE seen_version ({id}, event_time BIGINT, version_id BIGINT, recorded_at BIGINT)

-- name: take_versions
-- Takes versions of the copy, or of the tail.
INSERT INTO seen_version SELECT id, event_time, version_id, recorded_at FROM batch

-- name: events
-- Those versions of some keys that may count. number: of the key; happened: when the event did.
CREATE TABLE {table} (number BIGINT, happened BIGINT, version_id BIGINT, recorded_at BIGINT, {id}{columns})

-- name: take_events
-- Takes versions that may count.
INSERT INTO {table} SELECT * FROM batch

-- name: superseded
-- Versions of which the event has a newer one, and when the first such was recorded.
CREATE TABLE superseded AS
SELECT version_id, min(recorded_at) OVER (
    PARTITION BY id ORDER BY event_time DESC, version_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
) AS until
FROM seen_version SEMI JOIN (SELECT id FROM seen_version GROUP BY id HAVING count(*) > 1) AS corrected USING (id)
QUALIFY until IS NOT NULL

-- name: held
-- The versions that hold, in order: of each event at most one.
SELECT event.number, event.happened, event.recorded_at{columns}
FROM {table} AS event ANTI JOIN superseded USING (version_id) ORDER BY event.number, event.happened, event.id

-- name: held_then
-- The versions that held at some time, and until when.
SELECT event.number, event.happened, event.recorded_at, coalesce(superseded.until, 9223372036854775807) AS until{columns}
FROM {table} AS event LEFT JOIN superseded USING (version_id) ORDER BY event.number, event.happened, event.id

-- name: computed
-- What was computed for rows of the spine.
CREATE TABLE computed (position BIGINT, {columns})

-- name: take_computed
-- Takes what was computed.
INSERT INTO computed SELECT * FROM batch

-- name: computed_in_order
-- What comes out, in the order of the spine.
CREATE TABLE {answer} AS SELECT {outputs} FROM computed AS payload ORDER BY payload.position

-- name: memory
-- How many bytes of memory there are.
SELECT parse_formatted_bytes(current_setting('memory_limit'))
