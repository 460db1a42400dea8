CREATE TABLE fsdb.erasures (
    erasure_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by          text NOT NULL DEFAULT session_user,
    operation   text NOT NULL CHECK (operation IN ('erase', 'repair')),
    feature_set text NOT NULL,
    entities    bigint NOT NULL,
    why         text NOT NULL CHECK (why <> ''),
    counts      jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'object'),
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX erasures_by_set ON fsdb.erasures (feature_set, at);
COMMENT ON TABLE fsdb.erasures IS 'What was erased, when, by whom and why: how many entities of which set, and how many rows of each place. Never which ones, nor their values; never changed.';
COMMENT ON COLUMN fsdb.erasures.erasure_id IS 'The erasure''s number.';
COMMENT ON COLUMN fsdb.erasures.at IS 'When it was done.';
COMMENT ON COLUMN fsdb.erasures.by IS 'Which database user did it.';
COMMENT ON COLUMN fsdb.erasures.operation IS 'erase: entities, wherever fsdb held them; repair: versions that were dated later than anything could be true.';
COMMENT ON COLUMN fsdb.erasures.feature_set IS 'The feature set''s name; the record stays when the set is dropped.';
COMMENT ON COLUMN fsdb.erasures.entities IS 'How many entities were erased.';
COMMENT ON COLUMN fsdb.erasures.why IS 'The reason that was given.';
COMMENT ON COLUMN fsdb.erasures.counts IS 'Rows by place: live, history, predictions, training sets, queues.';
COMMENT ON COLUMN fsdb.erasures.xid IS 'The transaction that erased: a training set built before it is not saved after it.';

CREATE TABLE fsdb.erased_versions (
    erasure_id  bigint NOT NULL REFERENCES fsdb.erasures,
    feature_set text NOT NULL,
    versions    int8multirange NOT NULL,
    PRIMARY KEY (erasure_id, feature_set)
);
COMMENT ON TABLE fsdb.erased_versions IS 'The version_ids that an erasure took out of history: a copy that is rebuilt from an older one leaves them out.';
COMMENT ON COLUMN fsdb.erased_versions.erasure_id IS 'The erasure''s number.';
COMMENT ON COLUMN fsdb.erased_versions.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.erased_versions.versions IS 'The version_ids, as ranges.';

CREATE TABLE fsdb.erased_predictions (
    erasure_id  bigint NOT NULL REFERENCES fsdb.erasures,
    deployment  text NOT NULL,
    predictions int8multirange NOT NULL,
    PRIMARY KEY (erasure_id, deployment)
);
COMMENT ON TABLE fsdb.erased_predictions IS 'Predictions that an erasure removed, or whose versions it removed: whoever asks for one is told so.';
COMMENT ON COLUMN fsdb.erased_predictions.erasure_id IS 'The erasure''s number.';
COMMENT ON COLUMN fsdb.erased_predictions.deployment IS 'The deployment''s table.';
COMMENT ON COLUMN fsdb.erased_predictions.predictions IS 'The numbers of the predictions in their model table.';

CREATE TABLE fsdb.erased_training_sets (
    erasure_id   bigint NOT NULL REFERENCES fsdb.erasures,
    training_set text NOT NULL,
    rows         bigint NOT NULL,
    PRIMARY KEY (erasure_id, training_set)
);
CREATE INDEX erased_training_sets_by_name ON fsdb.erased_training_sets (training_set);
COMMENT ON TABLE fsdb.erased_training_sets IS 'Saved training sets that an erasure took rows or versions of, so that they cannot be verified any more.';
COMMENT ON COLUMN fsdb.erased_training_sets.erasure_id IS 'The erasure''s number.';
COMMENT ON COLUMN fsdb.erased_training_sets.training_set IS 'The saved training set''s name.';
COMMENT ON COLUMN fsdb.erased_training_sets.rows IS 'How many rows of its spine were taken out.';

CREATE TABLE fsdb.erasure_files (
    erasure_id    bigint NOT NULL REFERENCES fsdb.erasures,
    feature_set   text NOT NULL,
    history_table text NOT NULL,
    PRIMARY KEY (erasure_id, feature_set)
);
COMMENT ON TABLE fsdb.erasure_files IS 'Erasures whose files are still to be written anew: fsdb erase --resume, or the next sync, does it. Until then nobody reads the set''s copy.';
COMMENT ON COLUMN fsdb.erasure_files.erasure_id IS 'The erasure''s number.';
COMMENT ON COLUMN fsdb.erasure_files.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.erasure_files.history_table IS 'The history table that the folders of the set''s copies are named after, even once the set is dropped.';

CREATE FUNCTION fsdb.refuse_erasure_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: %.% records what was erased and cannot be changed', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
COMMENT ON FUNCTION fsdb.refuse_erasure_change IS 'Trigger of the records of erasures: they stay as they were written.';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.erasures FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_erasure_change();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.erased_versions FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_erasure_change();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.erased_predictions FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_erasure_change();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.erased_training_sets FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_erasure_change();
CREATE TRIGGER record AFTER INSERT ON fsdb.erasures
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row(':operation', 'feature_set', 'erasure_id', 'entities', 'why', 'counts');
