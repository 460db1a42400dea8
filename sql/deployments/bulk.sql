-- name: given
-- The rows of a user's query.
FROM (
{given}
) AS given

-- name: clock
-- The moment that rows are scored as of.
SELECT pg_catalog.clock_timestamp()

-- name: arm
-- The versions that hold for the distinct keys of one set.
SELECT {columns}
FROM (
{rows}
) AS new LEFT JOIN LATERAL (
{newest}
) AS held ON true
WHERE new.arm = {arm}

-- name: all_arms
-- All sets in one statement, thus in one snapshot.
FROM (
{arms}
) AS looked_up

-- name: rows
-- Rows under the name that they have in a trigger.
FROM (
{rows}
) AS new

-- name: share
-- Where a key lies between 0 and 1.
fsdb.key_share({key})

-- name: score
-- Each row's result by the scoring function.
FROM (
{rows}
) AS given CROSS JOIN LATERAL {call} AS r

-- name: floats
-- An array of numbers as PostgreSQL prints it.
{value}::text

-- name: labels
-- An array of labels, whose texts may hold anything.
pg_catalog.to_json({value})::text

-- name: keep_inputs
-- The same rows as a table, whose type a function can take.
CREATE TEMPORARY TABLE {table} AS
{rows}

-- name: careful
-- The scoring function, giving the reason where it refuses.
CREATE FUNCTION pg_temp.{function}(given pg_temp.{table}, {results}, OUT error text) LANGUAGE plpgsql AS {body}

-- name: careful_body
-- What the runtimes raise for a row that the model does not take.
BEGIN
    SELECT {values} INTO {names} FROM {call} AS r;
EXCEPTION WHEN data_exception OR external_routine_exception THEN
    error := SQLERRM;
END

-- name: careful_rows
-- Each row's result, or why there is none.
FROM pg_temp.{table} AS given CROSS JOIN LATERAL pg_temp.{function}(given) AS r

-- name: insert
-- Rows for the trigger to score and record, in their order.
INSERT INTO {table} ({columns})
{rows}
RETURNING {returned}

-- name: insert_numbered
-- Rows that were scored already, in their order.
INSERT INTO {table} (prediction_id, {columns})
SELECT pg_catalog.nextval({numbers}::pg_catalog.regclass), given.* FROM (
{rows}
) AS given
RETURNING {returned}

-- name: takes_scored
-- Whether a model table takes rows from the caller that were scored elsewhere, as its owner's. A trigger before fsdb's or a rule would
-- have a say in the rows, so that they must go through them.
SELECT fsdb.owns(c.oid) AND NOT c.relhasrules AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 7 = 7 AND t.tgname <> %(trigger)s
)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: keep_releases
-- As an insert would lock the table: who changes the releases waits for it.
LOCK TABLE {table} IN ROW EXCLUSIVE MODE

-- name: count_rejection
-- One more row that failed its statement.
SELECT pg_catalog.nextval({sequence}::pg_catalog.regclass)

-- name: may_check
-- Whether this user may read the rows that models are checked on.
SELECT has_table_privilege('fsdb.model_checks', 'SELECT')
