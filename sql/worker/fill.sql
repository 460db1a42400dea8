-- name: fill
-- Fills in what the model gave, or why it gave nothing; tells which rows it reached.
UPDATE {table} AS p SET {assignments}, error = u.error, predicted_at = pg_catalog.clock_timestamp()
FROM ROWS FROM (pg_catalog.unnest(%(predictions)s::bigint[]), pg_catalog.unnest(%(errors)s::pg_catalog.text[]){arrays}) AS u (prediction_id, error{names})
WHERE p.prediction_id OPERATOR(pg_catalog.=) u.prediction_id AND p.prediction IS NULL AND p.predicted_at IS NULL
RETURNING p.prediction_id

-- name: assignment
-- A result, in its type.
{column} = u.{column}::{type}

-- name: array
-- The results of one column, as text.
, pg_catalog.unnest({values}::pg_catalog.text[])

-- name: name
-- Its name.
, {column}

-- name: reason
-- Why rows have no prediction, for the time being or for good.
UPDATE {table} SET error = %(reason)s WHERE prediction_id OPERATOR(pg_catalog.=) ANY (%(predictions)s::bigint[]) AND prediction IS NULL AND predicted_at IS NULL
