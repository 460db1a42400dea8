CREATE TABLE fsdb.models (
    name        text PRIMARY KEY,
    description text NOT NULL DEFAULT '',
    tags        text[] NOT NULL DEFAULT '{}',
    owner       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.models IS 'Registered models. What each version is stands in fsdb.model_versions.';
COMMENT ON COLUMN fsdb.models.name IS 'The model''s name.';
COMMENT ON COLUMN fsdb.models.description IS 'What the model predicts.';
COMMENT ON COLUMN fsdb.models.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.models.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.models.created_at IS 'When the first version was registered.';

CREATE TABLE fsdb.model_versions (
    model              text NOT NULL REFERENCES fsdb.models,
    version            integer NOT NULL CHECK (version > 0),
    estimator          text NOT NULL,
    framework          text NOT NULL,
    framework_version  text NOT NULL,
    prediction_type    text NOT NULL,
    classes            text[],
    checksum           text NOT NULL,
    training_set       text REFERENCES fsdb.training_sets,
    training_set_hash  text,
    rows_checked       integer NOT NULL,
    largest_difference double precision NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by         text NOT NULL DEFAULT session_user,
    PRIMARY KEY (model, version)
);
COMMENT ON TABLE fsdb.model_versions IS 'Versions of models: immutable, each with its signature, training set and checksum.';
COMMENT ON COLUMN fsdb.model_versions.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_versions.version IS 'The version''s number, from 1 on.';
COMMENT ON COLUMN fsdb.model_versions.estimator IS 'Class of the fitted estimator.';
COMMENT ON COLUMN fsdb.model_versions.framework IS 'The library that the estimator is of, such as scikit-learn.';
COMMENT ON COLUMN fsdb.model_versions.framework_version IS 'The version of that library.';
COMMENT ON COLUMN fsdb.model_versions.prediction_type IS 'The type of a prediction, as PostgreSQL calls it.';
COMMENT ON COLUMN fsdb.model_versions.classes IS 'Class labels in the model''s order; NULL for a regression.';
COMMENT ON COLUMN fsdb.model_versions.checksum IS 'SHA-256 of the program in fsdb.model_programs.';
COMMENT ON COLUMN fsdb.model_versions.training_set IS 'The saved training set that the model was fitted on, if it was registered with one.';
COMMENT ON COLUMN fsdb.model_versions.training_set_hash IS 'The content hash of that training set; NULL: there is none.';
COMMENT ON COLUMN fsdb.model_versions.rows_checked IS 'Rows on which the compiled model gave what the native predict gives, when it was registered.';
COMMENT ON COLUMN fsdb.model_versions.largest_difference IS 'Largest difference on these rows, as a part of max(|value|, 0.001).';
COMMENT ON COLUMN fsdb.model_versions.created_at IS 'When the version was registered.';
COMMENT ON COLUMN fsdb.model_versions.created_by IS 'Which database user registered it.';

CREATE TABLE fsdb.model_inputs (
    model      text NOT NULL,
    version    integer NOT NULL,
    position   integer NOT NULL,
    name       text NOT NULL,
    type       text NOT NULL,
    feature_id integer,
    feature    text,
    frame_type text,
    PRIMARY KEY (model, version, position),
    UNIQUE (model, version, name),
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions,
    CHECK ((feature_id IS NULL) = (feature IS NULL))
);
COMMENT ON TABLE fsdb.model_inputs IS 'Signatures: what each model version is given, in order.';
COMMENT ON COLUMN fsdb.model_inputs.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_inputs.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.model_inputs.position IS 'The input''s place in the signature, from 1 on.';
COMMENT ON COLUMN fsdb.model_inputs.name IS 'The input''s name.';
COMMENT ON COLUMN fsdb.model_inputs.type IS 'Type of the scoring function''s argument: the widest of its kind, so that a widened feature still fits.';
COMMENT ON COLUMN fsdb.model_inputs.feature_id IS 'The feature that is looked up; NULL where the inserted row gives the value.';
COMMENT ON COLUMN fsdb.model_inputs.feature IS 'The feature''s full name when the version was registered.';
COMMENT ON COLUMN fsdb.model_inputs.frame_type IS 'The pandas type in which the native model was given it when the version was checked; NULL where no frame was given.';

CREATE TABLE fsdb.model_metrics (
    model   text NOT NULL,
    version integer NOT NULL,
    name    text NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (model, version, name),
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions
);
COMMENT ON TABLE fsdb.model_metrics IS 'Metrics that were given when a version was registered.';
COMMENT ON COLUMN fsdb.model_metrics.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_metrics.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.model_metrics.name IS 'The metric''s name, such as auc.';
COMMENT ON COLUMN fsdb.model_metrics.value IS 'The metric''s value.';

CREATE TABLE fsdb.model_programs (
    model   text NOT NULL,
    version integer NOT NULL,
    program text NOT NULL,
    PRIMARY KEY (model, version),
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions
);
COMMENT ON TABLE fsdb.model_programs IS 'Model programs: the stored artefact of each version, as canonical JSON text (jsonb would change its numbers).';
COMMENT ON COLUMN fsdb.model_programs.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_programs.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.model_programs.program IS 'The program, as JSON.';

CREATE TABLE fsdb.model_checks (
    model         text NOT NULL,
    version       integer NOT NULL,
    position      integer NOT NULL,
    inputs        text[] NOT NULL,
    refused       boolean NOT NULL DEFAULT false,
    prediction    text,
    probability   double precision,
    probabilities double precision[],
    PRIMARY KEY (model, version, position),
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE fsdb.model_checks IS 'Rows with what the native predict gave for them; the compiled model is compared with them before each deployment.';
COMMENT ON CONSTRAINT model_checks_model_version_fkey ON fsdb.model_checks IS 'Deferred: a version is registered once it has passed its checks.';
COMMENT ON COLUMN fsdb.model_checks.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_checks.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.model_checks.position IS 'The row''s number in the check, from 1 on.';
COMMENT ON COLUMN fsdb.model_checks.refused IS 'The native predict takes no such row, so neither may the compiled model.';
COMMENT ON COLUMN fsdb.model_checks.inputs IS 'Values in the order of fsdb.model_inputs, as text of their types.';
COMMENT ON COLUMN fsdb.model_checks.prediction IS 'What the native model predicted, as text; NULL where it refused.';
COMMENT ON COLUMN fsdb.model_checks.probability IS 'The native model''s probability; NULL where it gives none.';
COMMENT ON COLUMN fsdb.model_checks.probabilities IS 'The native model''s probabilities of all classes; NULL where it gives none.';

-- For one column and some trees: row after row of the column, which exits of each tree its splits leave. A tree has `width` bits.
-- Masks are put together by 64, since each addition copies what is there.
CREATE FUNCTION fsdb.tree_masks(firsts bigint[], rows integer[], places integer[], segments bigint[], count integer, width integer)
RETURNS bit varying
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mask   bit varying := '';
    batch  bit varying := '';
    masks  bit varying := '';
    first  bigint;
    change integer := 1;
BEGIN
    FOREACH first IN ARRAY firsts LOOP
        mask := mask || substring(first::bit(64), 65 - width);
    END LOOP;
    FOR number IN 0..count - 1 LOOP
        WHILE rows[change] = number LOOP
            mask := overlay(mask PLACING substring(segments[change]::bit(64), 65 - width) FROM places[change] * width + 1);
            change := change + 1;
        END LOOP;
        batch := batch || mask;
        IF number % 64 = 63 THEN
            masks := masks || batch;
            batch := '';
        END IF;
    END LOOP;
    RETURN masks || batch;
END
$$;
COMMENT ON FUNCTION fsdb.tree_masks IS 'Masks of a tree ensemble by its thresholds: segments of the first row, and what changes (row, tree, segment) in the rows after it.';

CREATE FUNCTION fsdb.refuse_model_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: %.% holds model versions, which are immutable', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Register a new version instead.';
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_model_change FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_model_change IS 'Keeps registered model versions as they were.';

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.model_versions
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_model_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.model_inputs
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_model_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.model_programs
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_model_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.model_checks
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_model_change();
