-- name: progress
-- A bar for people at a terminal. In a notebook without ipywidgets DuckDB refuses this setting, whatever it is set to.
SET enable_progress_bar = true

-- name: settings
-- The session reads files of these folders alone, and nothing changes that later. Moments come out in UTC. Of a join's two sides the second is hashed, as it is written: what DuckDB guesses of files read by field id is wrong.
SET TimeZone = 'UTC'; SET disabled_optimizers = 'join_order,build_side_probe_side';
SET allowed_directories = [{folders}]; SET enable_external_access = false; SET lock_configuration = true

-- name: files
-- The files of a copy as one relation, with keys under names of our own; what every copy has is never called otherwise.
(SELECT {keys}, version_id, event_time, recorded_at, xid, file_index, file_row_number FROM read_parquet([{paths}], hive_partitioning = false))

-- name: column
{value} AS {name}

-- name: copy_versions
-- What decides which version holds, of a copy's rows that count. A place is the file and the row in it.
SELECT {keys}, epoch_us(event_time) AS event_time, {since} AS since, version_id, file_index::BIGINT * 1099511627776 + file_row_number AS place
FROM {files} WHERE {conditions}

-- name: tail_versions
-- The same of the tail, whose rows have their version ids' negatives as places.
SELECT {keys}, event_time, {since} AS since, version_id, -version_id AS place FROM tail

-- name: since_event
-- From when on a version counts.
epoch_us(event_time)

-- name: since_known
-- From when on a version counts that nobody can know before it is recorded.
epoch_us(greatest(event_time, recorded_at))

-- name: tail_since_event
-- From when on a version of the tail counts.
event_time

-- name: tail_since_known
-- From when on a version of the tail counts that nobody can know before it is recorded.
greatest(event_time, recorded_at)

-- name: seen
-- Versions that a snapshot saw.
(version_id <= {restored} OR version_id <= {high} AND (xid = {own} OR xid < {xmax} AND xid NOT IN ({open})) OR file_index IN ({whole}))

-- name: until
-- Versions of later than the spine's last moment match none of its rows.
event_time <= make_timestamptz({micros})

-- name: recorded_by
-- Versions that were known at a moment.
recorded_at <= make_timestamptz({micros})

-- name: spine
-- The spine's keys and moments. Rows with a NULL key match nothing.
CREATE OR REPLACE TABLE spine AS SELECT position, moment, {keys} FROM given_spine WHERE {present}

-- name: tail
-- The tail's keys and times, filled batch by batch.
CREATE OR REPLACE TABLE tail ({keys}, event_time BIGINT, recorded_at BIGINT, version_id BIGINT)

-- name: fill_tail
-- Takes a batch.
INSERT INTO tail SELECT {keys}, epoch_us(event_time), epoch_us(recorded_at), version_id FROM batch

-- name: found
-- Which version holds for each row of the spine, by its place.
CREATE OR REPLACE TABLE found (position BIGINT, place BIGINT)

-- name: repeated
-- Keys that many rows of the spine have.
CREATE OR REPLACE TABLE repeated AS SELECT {keys}, count(*) AS wanted FROM spine GROUP BY ALL HAVING count(*) > {few}

-- name: hot
-- Of these the keys of so many versions that comparing each with each row would cost more than sorting both.
CREATE OR REPLACE TABLE hot AS
SELECT {keys}, row_number() OVER () AS code FROM (
    SELECT {repeated_keys}, any_value(repeated.wanted) AS wanted, count(*) AS versions
    FROM ({versions}) AS version JOIN repeated ON {same_key} GROUP BY ALL
) WHERE wanted::HUGEINT * versions > {few} * (wanted::HUGEINT + versions)

-- name: cool
-- The rows of the spine that are left to be hashed.
CREATE OR REPLACE TABLE cool AS SELECT * FROM spine ANTI JOIN hot ON {same_key}

-- name: match_hashed
-- Every version with every row of its key: the latest by event time and version id wins.
INSERT INTO found
SELECT spine.position, arg_max(version.place, version.event_time::HUGEINT * 9223372036854775808 + version.version_id)
FROM {sides} ON {same_key} WHERE version.since <= spine.moment GROUP BY spine.position

-- name: versions_first
-- The spine is hashed.
({versions}) AS version JOIN {spine} AS spine

-- name: spine_first
-- The versions are hashed: they are fewer.
{spine} AS spine JOIN ({versions}) AS version

-- name: match_sorted
-- The same for hot keys: at each moment since which something new counted, the winner so far; each row takes the last such moment.
INSERT INTO found
WITH moment AS (
    SELECT code, since, max(event_time::HUGEINT * 9223372036854775808 + version_id) AS rank,
           arg_max(place, event_time::HUGEINT * 9223372036854775808 + version_id) AS place
    FROM ({versions}) AS version JOIN hot ON {version_is_hot} GROUP BY code, since
), step AS (
    SELECT code, since, arg_max(place, rank) OVER (PARTITION BY code ORDER BY since) AS place FROM moment
), asked AS (
    SELECT position, moment, code FROM spine JOIN hot ON {spine_is_hot}
)
SELECT asked.position, step.place FROM asked ASOF JOIN step ON asked.code = step.code AND asked.moment >= step.since

-- name: payload
-- What the winning versions hold, for each row of the spine that has one.
CREATE OR REPLACE TABLE {payload} (position BIGINT, event_time BIGINT, recorded_at BIGINT, {columns})

-- name: winners
-- Winners that are in the copy, file by file in the order of their rows.
SELECT place, position FROM found WHERE place >= 0 ORDER BY place

-- name: fill_payload
-- Takes rows of the copy. Tombstones leave their rows without.
INSERT INTO {payload} SELECT position, {event_time}, epoch_us(recorded_at), {columns} FROM batch WHERE NOT deleted

-- name: wanted_tail
-- Winners that are in the tail, for each row of the spine that they hold for.
SELECT -place AS version_id, position FROM found WHERE place < 0 ORDER BY version_id

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

-- name: fill_ordered
-- All rows of the spine, put in order before.
INSERT INTO {answer} SELECT payload.late, payload.matched, {outputs} FROM batch AS payload {defaults}

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

-- name: late
-- In how many rows the version was recorded only after the row's moment.
SELECT count(*) FROM {answer} WHERE late

-- name: matched
-- For how many rows a version holds that is not too old.
SELECT count(*) FROM {answer} WHERE matched

-- name: rows
-- What comes out, in order.
SELECT {columns} FROM {answer}

-- name: drop
-- The answer stands; what led to it is of no more use.
DROP TABLE IF EXISTS {table}

-- name: count
-- How many rows a table has.
SELECT count(*) FROM {table}

-- name: memory
-- How many bytes of memory there are.
SELECT parse_formatted_bytes(current_setting('memory_limit'))
