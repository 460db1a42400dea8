-- name: read
-- The version of one set that a prediction recorded.
 LEFT JOIN {history} AS {read} ON {read}.version_id = p.{version_column}{keys}

-- name: computed
-- Windows over the events that a prediction counted. A pin without a transaction of its own is no NULL, but IS NOT NULL denies it.
 LEFT JOIN LATERAL (
{computed}
) AS {read} ON (p.{version_column}).high IS NOT NULL

-- name: key
-- A key of a set is a column of the model table by the same name.
 AND {read}.{key} = p.{key}

-- name: request
-- What the inserted row gave.
p.{column}

-- name: feature
-- A feature as it was given to the model.
CASE WHEN NOT {read}.deleted{fresh} THEN {read}.{column} END

-- name: fresh
-- Not older than the release's max_age at the moment of scoring.
 AND {read}.event_time >= p.scored_at - {max_age}

-- name: with_default
-- The release's default stands for NULL; it has the type of the model's input already.
coalesce({value}, {default})

-- name: missing
-- A version that was recorded and is not in history any more.
(p.{version_column} IS NOT NULL AND {read}.version_id IS NULL)

-- name: as_number
-- A number as models outside of the server take it.
{value}::{type}::double precision

-- name: as_integer
-- A whole number.
{value}::{type}::bigint

-- name: as_boolean
-- A boolean as 0 or 1.
{value}::boolean::integer

-- name: as_text
-- A text.
{value}::text

-- name: as_recorded
-- A result that the row has.
, p.{column}

-- name: rows
-- The rows of these predictions with what one release gave to its model: in arrays, since a query has no more than 1,664 columns.
-- Rows that are not there any more are left out.
SELECT p.prediction_id, {missing}, ARRAY[{fractions}]::double precision[], ARRAY[{integers}]::bigint[], ARRAY[{texts}]::text[]{results}
FROM {table} AS p{reads}
WHERE p.prediction_id = ANY (%(predictions)s::bigint[]) AND p.model_release = {release}
ORDER BY p.prediction_id
