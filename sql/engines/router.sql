-- name: statistics
-- How large history tables are: the planner's count of rows and of pages at that time (-1 and 0 where never counted), bytes now, and of all indexes.
SELECT c.reltuples::float8, c.relpages, pg_relation_size(c.oid), pg_indexes_size(c.oid)
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS t (name, position)
JOIN pg_namespace AS n ON n.nspname = %(schema)s
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.name
ORDER BY t.position

-- name: columns
-- How many bytes values of columns take on average and how many different ones there are, where ANALYZE has counted.
SELECT tablename, attname, avg_width, n_distinct::float8 FROM pg_stats
WHERE schemaname = %(schema)s AND tablename = ANY (%(tables)s) AND attname = ANY (%(columns)s)

-- name: spans
-- Over how many microseconds the values of columns of times lie, where ANALYZE has counted.
SELECT tablename, attname, extract(epoch FROM bounds[cardinality(bounds)] - bounds[1])::float8 * 1000000
FROM (
    SELECT tablename, attname, histogram_bounds::text::timestamptz[] AS bounds FROM pg_stats
    WHERE schemaname = %(schema)s AND (tablename, attname) IN (SELECT * FROM unnest(%(tables)s::text[], %(columns)s::text[]))
      AND histogram_bounds IS NOT NULL
    OFFSET 0
) AS counted
WHERE isfinite(bounds[1]) AND isfinite(bounds[cardinality(bounds)])

-- name: copied
-- Which of these feature sets have a columnar copy that this user can find.
SELECT feature_set FROM fsdb.copies
WHERE feature_set = ANY (%(feature_sets)s)
  AND CASE WHEN has_schema_privilege('fsdb_iceberg', 'USAGE') THEN has_table_privilege('fsdb_iceberg.iceberg_tables', 'SELECT') ELSE false END

-- name: cache
-- How many bytes of tables and indexes the server keeps in its own memory.
SELECT pg_size_bytes(current_setting('shared_buffers'))

-- name: moments
-- The first and the last moment of a spine, in microseconds since 1970: of any year, where datetimes end at 9999.
SELECT (extract(epoch FROM min({timestamp})) * 1000000)::bigint, (extract(epoch FROM max({timestamp})) * 1000000)::bigint FROM {relation}

-- name: unit_costs
-- What fsdb calibrate measured.
SELECT engine, unit, seconds FROM fsdb.calibrations

-- name: put_unit_cost
-- Keeps what one unit costs, in place of what was known before.
INSERT INTO fsdb.calibrations (engine, unit, seconds, version) VALUES (%(engine)s, %(unit)s, %(seconds)s, %(version)s)
ON CONFLICT (engine, unit) DO UPDATE SET seconds = excluded.seconds, version = excluded.version, measured_at = excluded.measured_at

-- name: may_log
-- Whether this user can write the log now, and shorten it: not in a read-only transaction or on a standby, and not without the rights.
SELECT current_setting('transaction_read_only') = 'off'
       AND has_table_privilege('fsdb.query_log', 'INSERT') AND has_table_privilege('fsdb.query_log', 'SELECT')
       AND has_table_privilege('fsdb.query_log_engines', 'INSERT'),
       has_table_privilege('fsdb.query_log', 'DELETE') AND current_setting('transaction_isolation') = 'read committed'

-- name: log
-- A line of the log, with what was expected of each engine.
WITH line AS (
    INSERT INTO fsdb.query_log (engine, forced, why, estimated_seconds, seconds, spine_rows, feature_sets, features, versions, copy_rows, tail_rows,
                                files_read, files_pruned)
    VALUES (%(engine)s, %(forced)s, %(why)s, %(estimated_seconds)s, %(seconds)s, %(spine_rows)s, %(feature_sets)s, %(features)s, %(versions)s,
            %(copy_rows)s, %(tail_rows)s, %(files_read)s, %(files_pruned)s)
    RETURNING query_id
), engines AS (
    INSERT INTO fsdb.query_log_engines (query_id, engine, seconds, refusal)
    SELECT line.query_id, e.engine, e.seconds, e.refusal
    FROM line, unnest(%(engines)s::text[], %(estimates)s::float8[], %(refusals)s::text[]) AS e (engine, seconds, refusal)
)
SELECT query_id FROM line

-- name: shorten_log
-- Forgets old lines, but for those that another session is forgetting: nobody waits for a log.
DELETE FROM fsdb.query_log WHERE query_id IN (
    SELECT query_id FROM fsdb.query_log WHERE query_id <= %(last)s OR asked_at < clock_timestamp() - interval '90 days' FOR UPDATE SKIP LOCKED
)
