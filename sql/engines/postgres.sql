-- name: newest
-- Of one key's versions the one that holds at a moment: one descent of the index (keys, event_time DESC, version_id DESC). Views and
-- functions of the caller's run it under whatever search path that one has.
SELECT {columns}
FROM {history} AS version
WHERE {keys} AND version.event_time OPERATOR(pg_catalog.<=) {at}{known}
ORDER BY version.event_time DESC, version.version_id DESC
LIMIT 1

-- name: computed
-- What is computed for one key at a moment, as the row of a version.
SELECT {columns}
FROM (
    {computed}
) AS version

-- name: lookup
-- One entity as of a moment: always one row, whether the entity is there or not.
SELECT {outputs}
FROM (SELECT) AS always LEFT JOIN LATERAL (
    {newest}
) AS v ON true

-- name: recorded_by
-- Counts only what was recorded by a moment.
 AND version.recorded_at <= {moment}

-- name: in_snapshot
-- Counts only what a snapshot saw. The sum keeps the bound out of the index condition, where it would slow the descent down.
 AND ({restored} version.version_id + 0 <= {high} AND ({own} pg_visible_in_snapshot(version.xid, {snapshot}::pg_snapshot)))

-- name: restored
-- What came with a dump belongs to every snapshot since.
version.version_id + 0 <= {version} OR

-- name: own
-- What the transaction that took the snapshot had written before belongs to it.
version.xid = {own}::xid8 OR

-- name: join
-- Every spine row with the version that held at its moment, of each feature set. The spine is put in order first, where its rows are narrow.
FROM (SELECT * FROM {relation} ORDER BY {ordinal} OFFSET 0) AS spine
{lookups}
ORDER BY spine.{ordinal}

-- name: join_lookup
-- One feature set's version for each spine row.
LEFT JOIN LATERAL (
    {newest}
) AS {alias} ON true

-- name: planner
-- One descent a row, whatever statistics say or lack: the rows that a snapshot or a time of recording leaves out are
-- few, but the planner takes the condition for a selective one. Undone when the reading is over.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)

-- name: explain
-- The plan of a point-in-time join.
EXPLAIN SELECT {expressions}
{source}

-- name: stage_spine
-- A spine from memory, numbered in its order.
CREATE TEMPORARY TABLE {table} AS SELECT row_number() OVER () AS {ordinal}, rows.* FROM (
{rows}
) AS rows

-- name: drop_spine
-- The join is done.
DROP TABLE pg_temp.{table}

-- name: interpreted
-- Compiling wide target lists costs more than it saves.
SELECT set_config('jit', 'off', true)

-- name: copy_arrays
-- Rows of a number and of arrays with the positions of their NULLs, in binary.
COPY (
    SELECT {number}, {arrays}, {positions}
    {source}
) TO STDOUT (FORMAT binary)

-- name: null_positions
array_positions({array}, NULL)
