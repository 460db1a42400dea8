-- name: guards
-- History of made-up versions is written directly: by the owner, in a database of its own.
ALTER TABLE {history} {switch} TRIGGER USER

-- name: unlogged
-- A server that crashes while it is measured needs these versions no more.
ALTER TABLE {history} SET UNLOGGED

-- name: in_line
-- Values stay in the version's own page, whatever their length.
ALTER TABLE {history} ALTER padding SET STORAGE PLAIN

-- name: drop_index
-- An index is made faster at once than version by version.
DROP INDEX {index}

-- name: drop_primary_key
ALTER TABLE {history} DROP CONSTRAINT {pkey}

-- name: add_primary_key
ALTER TABLE {history} ADD CONSTRAINT {pkey} PRIMARY KEY (version_id)

-- name: fill
-- Made-up versions in order of time, the keys taking turns: version n is of key n modulo the number of keys, a second after version n - 1.
INSERT INTO {history} ({columns}, event_time, recorded_at)
SELECT n %% %(keys)s, {values}, timestamptz '2020-01-01 00:00+00' + n * interval '1 second', timestamptz '2020-01-01 00:00+00' + n * interval '1 second'
FROM generate_series(%(start)s::bigint, %(stop)s::bigint - 1) AS n

-- name: value
random()

-- name: padding
-- Fills a page with one version.
repeat('x', 7900)

-- name: settle
-- Leaves nothing to clean up for what is measured next, and statistics as autovacuum leaves them.
VACUUM (ANALYZE) {history}
