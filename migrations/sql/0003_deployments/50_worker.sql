CREATE TABLE fsdb.scoring_queue (
    deployment_id integer NOT NULL,
    prediction_id bigint NOT NULL,
    release       integer NOT NULL,
    enqueued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts      integer NOT NULL DEFAULT 0,
    not_before    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error    text,
    PRIMARY KEY (deployment_id, prediction_id),
    FOREIGN KEY (deployment_id, release) REFERENCES fsdb.deployment_releases ON DELETE CASCADE
);
-- New rows come at the end and are taken from the front.
CREATE INDEX scoring_queue_due ON fsdb.scoring_queue (deployment_id, not_before);
-- Each row is dead soon after it was written: what is dead must not pile up behind the front.
ALTER TABLE fsdb.scoring_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
COMMENT ON TABLE fsdb.scoring_queue IS 'Rows of deployments with the runtime worker that wait for their prediction; fsdb worker fills it in and takes them out in one transaction.';
COMMENT ON COLUMN fsdb.scoring_queue.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.scoring_queue.prediction_id IS 'The row''s number in its model table.';
COMMENT ON COLUMN fsdb.scoring_queue.release IS 'The release that the row was inserted under, which scores it whatever was deployed since.';
COMMENT ON COLUMN fsdb.scoring_queue.enqueued_at IS 'Since when the row waits.';
COMMENT ON COLUMN fsdb.scoring_queue.attempts IS 'How often scoring the row has failed.';
COMMENT ON COLUMN fsdb.scoring_queue.not_before IS 'When it may be tried: at once at first, later after each failure.';
COMMENT ON COLUMN fsdb.scoring_queue.last_error IS 'Why the last attempt failed; NULL: none has.';

CREATE TABLE fsdb.scoring_dead_letters (
    deployment_id integer NOT NULL,
    prediction_id bigint NOT NULL,
    release       integer NOT NULL,
    enqueued_at   timestamptz NOT NULL,
    attempts      integer NOT NULL,
    error         text NOT NULL,
    died_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment_id, prediction_id),
    FOREIGN KEY (deployment_id, release) REFERENCES fsdb.deployment_releases ON DELETE CASCADE
);
COMMENT ON TABLE fsdb.scoring_dead_letters IS 'Rows that could not be scored after several attempts, with the last error; fsdb worker --retry-dead puts them back into the queue.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.prediction_id IS 'The row''s number in its model table.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.release IS 'The release that the row was inserted under.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.enqueued_at IS 'When the row was inserted.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.attempts IS 'How often it was tried.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN fsdb.scoring_dead_letters.died_at IS 'When it was given up.';

CREATE VIEW fsdb.scoring_backlog AS
SELECT d.name AS deployment, coalesce(q.waiting, 0) AS waiting, coalesce(q.failing, 0) AS failing, q.oldest, coalesce(l.dead, 0) AS dead
FROM fsdb.deployments d
LEFT JOIN (
    SELECT deployment_id, count(*) AS waiting, count(last_error) AS failing, min(enqueued_at) AS oldest
    FROM fsdb.scoring_queue GROUP BY deployment_id
) q USING (deployment_id)
LEFT JOIN (SELECT deployment_id, count(*) AS dead FROM fsdb.scoring_dead_letters GROUP BY deployment_id) l USING (deployment_id)
WHERE q.waiting > 0 OR l.dead > 0
   OR EXISTS (SELECT FROM fsdb.deployment_releases r WHERE r.deployment_id = d.deployment_id AND r.runtime = 'worker');
COMMENT ON VIEW fsdb.scoring_backlog IS 'Of each deployment that has had the runtime worker: how many rows wait, how many of them have failed before, since when, and how many are dead letters.';
COMMENT ON COLUMN fsdb.scoring_backlog.deployment IS 'The deployment''s table.';
COMMENT ON COLUMN fsdb.scoring_backlog.waiting IS 'How many rows wait.';
COMMENT ON COLUMN fsdb.scoring_backlog.failing IS 'How many of the waiting rows have failed before.';
COMMENT ON COLUMN fsdb.scoring_backlog.oldest IS 'Since when the oldest row waits; NULL: none does.';
COMMENT ON COLUMN fsdb.scoring_backlog.dead IS 'How many rows are dead letters.';

-- Arguments: the deployment's number, and those of its releases that workers score.
CREATE FUNCTION fsdb.enqueue_scoring() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO fsdb.scoring_queue (deployment_id, prediction_id, release)
    SELECT TG_ARGV[0]::integer, i.prediction_id, i.model_release FROM inserted AS i
    WHERE i.model_release = ANY (TG_ARGV[1]::integer[]) AND fsdb.own_code('fsdb.scoring_queue', 'Putting rows into the queue', true);
    -- Transactions that notify commit one after the other, so it is done only where a worker waits: such a one shares this lock.
    IF FOUND THEN
        IF pg_try_advisory_lock(1718838642, 1) THEN
            PERFORM pg_advisory_unlock(1718838642, 1);
        ELSE
            PERFORM pg_notify('fsdb_scoring', TG_ARGV[0]);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fsdb.enqueue_scoring IS 'Statement trigger of model tables with the runtime worker: puts inserted rows into the queue, and wakes a worker that waits when the transaction commits.';
REVOKE ALL ON FUNCTION fsdb.enqueue_scoring FROM PUBLIC;

-- Argument: the deployment's number. A right to UPDATE the table is not enough: applications may have that for columns of their own.
CREATE FUNCTION fsdb.refuse_forged_prediction() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.prediction IS NULL AND OLD.predicted_at IS NULL
        AND pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE')
    THEN
        PERFORM FROM fsdb.scoring_queue q
        WHERE q.deployment_id = TG_ARGV[0]::integer AND q.prediction_id = OLD.prediction_id;
        IF FOUND THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'fsdb: prediction % of %.% is filled in once, and by fsdb worker alone', OLD.prediction_id, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run fsdb worker as a role that owns the table; columns that you added yourself may be updated.';
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_forged_prediction FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_forged_prediction IS 'Trigger of model tables with the runtime worker: a prediction is filled in once, in a row that is in the queue, by a role that owns the table.';
