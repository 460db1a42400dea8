-- name: fill
-- Fills in what the model gave, or why it gave nothing; tells which rows it reached.
UPDATE {table} AS p SET {assignments}, error = u.error, predicted_at = clock_timestamp()
FROM unnest(%(predictions)s::bigint[], %(errors)s::text[]{arrays}) AS u (prediction_id, error{names})
WHERE p.prediction_id = u.prediction_id AND p.prediction IS NULL AND p.predicted_at IS NULL
RETURNING p.prediction_id

-- name: assignment
-- A result, in its type.
{column} = u.{column}::{type}

-- name: array
-- The results of one column, as text.
, {values}::text[]

-- name: name
-- Its name.
, {column}

-- name: reason
-- Why rows have no prediction, for the time being or for good.
UPDATE {table} SET error = %(reason)s WHERE prediction_id = ANY (%(predictions)s::bigint[]) AND prediction IS NULL AND predicted_at IS NULL
