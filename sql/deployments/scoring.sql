-- name: function
-- The function of a model table's scoring trigger. It runs with its owner's rights, so that an application needs rights on
-- the model table alone.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {body}

-- name: body
-- Where fsdb records, nothing of the caller's counts; a number that the caller chose is refused, since it may be another's.
DECLARE
    scored record;
BEGIN
    IF NEW.prediction_id IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'generated_always', MESSAGE = {number_message};
    END IF;
    NEW.prediction_id := nextval({numbers}::regclass);
    NEW.scored_at := clock_timestamp();
{score}
    NEW.scoring_us := date_part('epoch', clock_timestamp() - NEW.scored_at) * 1000000;
    RETURN NEW;
END

-- name: release
-- One release: features, result, record.
    DECLARE
{variables}
    BEGIN
{look_up}
{score}
{records}
    END;

-- name: variable
-- A feature as the model is given it.
        {name} {type};

-- name: canary
-- A share of the keys is scored by the canary's release.
    IF fsdb.key_share({key}) < {share} THEN
{canary}
    ELSE
{live}
    END IF;

-- name: key_part
-- A column of the key as text.
NEW.{column}::text

-- name: key_part_sent
-- The same of a type whose text is not the same in every session.
encode({send}(NEW.{column}), 'hex')

-- name: look_up
-- All features in one query, thus in one snapshot. Where no entity is there, no row is: then all variables are NULL.
    SELECT {columns} INTO {targets}
    FROM {reads};

-- name: once
-- A row whatever is there, which features with defaults need: it costs a join.
(VALUES (1)) AS once

-- name: read
-- The version of one set's entity that holds, if there is one.
(
{newest}
    ) AS {alias}

-- name: and_read
-- One more, whether or not the others are there. A full join on nothing is quicker than left joins behind a row that is always there.
    FULL JOIN {read} ON true

-- name: pin
-- Which versions of events there are: what is committed, and what this transaction has written so far.
(pg_current_snapshot(), pg_current_xact_id_if_assigned(), (SELECT n.last_value FROM {numbers} AS n),
 (SELECT s.restored_version FROM fsdb.feature_sets AS s WHERE s.name = {events}))::fsdb.event_pin

-- name: in_bulk
-- In a statement of many rows the form of the model that is for those.
    IF {condition} THEN
{many}
    ELSE
{single}
    END IF;

-- name: rejecting
-- A row that cannot be scored fails its statement. It is counted by a sequence, since nothing else outlives the rollback.
    BEGIN
{score}
    EXCEPTION WHEN data_exception OR external_routine_exception THEN
        PERFORM nextval({rejections}::regclass);
        {refuse}
    END;

-- name: refuse
-- The reason as it came: all that the model was given stands in the row.
RAISE;

-- name: refuse_told
-- The reason without what was looked up: who may insert need not be one who may read features.
RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = {reason};

-- name: reason
-- The same for a row that is recorded.
SQLERRM

-- name: reason_told
fsdb.refusal_told(SQLERRM, {given})

-- name: looking_up
-- A value that cannot be looked up fails the statement, without being named.
    BEGIN
{look_up}
    EXCEPTION WHEN data_exception THEN
        {refuse}
    END;

-- name: recording
-- A row that cannot be scored is kept, with the reason.
    BEGIN
{score}
    EXCEPTION WHEN data_exception OR external_routine_exception THEN
{nulls}
        NEW.error := {reason};
    END;

-- name: default
-- A default in the type of the model's input, rounded as the feature's own type does.
SELECT {value}::{feature}::{input}::text
