-- name: function
-- The function of a model table's scoring trigger. It runs with its owner's rights, so that an application needs rights on
-- the model table alone.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {body}

-- name: body
-- What the trigger does: take the time, look the features up, score, fill in what is recorded. Where fsdb records, nothing
-- of the caller's counts.
DECLARE
{declarations}
BEGIN
    NEW.scored_at := clock_timestamp();
{statements}
    RETURN NEW;
END

-- name: declare
-- A variable that holds a row.
    {name} record;

-- name: look_up
-- All features in one query, thus in one snapshot; one index descent for each set.
    SELECT {columns} INTO seen
    FROM (VALUES (1)) AS once{reads};

-- name: read
-- The version of one set that counts at the moment of scoring.
 LEFT JOIN LATERAL (
{newest}
    ) AS {read} ON true

-- name: aliased
-- A value under a short name.
{value} AS {alias}

-- name: version_id
-- The version that was read.
{read}.version_id

-- name: score_number
-- A model with one result.
    NEW.prediction := {call};

-- name: score_record
-- A model with several results.
    scored := {call};

-- name: record
-- Fills in a column that fsdb records.
    NEW.{column} := {value};

-- name: default
-- A default in the type of the model's input, rounded as the feature's own type does.
SELECT {value}::{feature}::{input}::text
