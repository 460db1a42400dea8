-- name: function
-- The function of a model table's scoring trigger. It runs with its owner's rights, so that an application needs rights on
-- the model table alone.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {body}

-- name: body
-- Where fsdb records, nothing of the caller's counts.
DECLARE
    seen record;
    scored record;
BEGIN
    NEW.scored_at := clock_timestamp();
{look_up}
{score}
{records}
    RETURN NEW;
END

-- name: look_up
-- All features in one query, thus in one snapshot.
    SELECT {columns} INTO seen
    FROM (VALUES (1)) AS once{reads};

-- name: default
-- A default in the type of the model's input, rounded as the feature's own type does.
SELECT {value}::{feature}::{input}::text
