CREATE TABLE fsdb.deployments (
    deployment_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    model         text NOT NULL REFERENCES fsdb.models,
    version       integer NOT NULL,
    runtime       text NOT NULL CHECK (runtime IN ('sql')),
    release       integer NOT NULL,
    schema_name   text NOT NULL,
    table_name    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (schema_name, table_name),
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions
);
COMMENT ON TABLE fsdb.deployments IS 'Models deployed as tables: an INSERT into the table is scored by its trigger.';
COMMENT ON COLUMN fsdb.deployments.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.deployments.name IS 'The table as users write it: "table" in schema public, else "schema.table".';
COMMENT ON COLUMN fsdb.deployments.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.deployments.version IS 'The model version that scores now.';
COMMENT ON COLUMN fsdb.deployments.runtime IS 'Where the present release computes: sql or onnx in the server, worker outside of it.';
COMMENT ON COLUMN fsdb.deployments.release IS 'The release of fsdb.deployment_releases that scores now.';
COMMENT ON COLUMN fsdb.deployments.schema_name IS 'The schema of the model table.';
COMMENT ON COLUMN fsdb.deployments.table_name IS 'The name of the model table, without the schema.';
COMMENT ON COLUMN fsdb.deployments.created_at IS 'When the model was first deployed there.';

CREATE TABLE fsdb.deployment_releases (
    deployment_id integer NOT NULL REFERENCES fsdb.deployments ON DELETE CASCADE,
    release       integer NOT NULL CHECK (release > 0),
    version       integer NOT NULL,
    former        integer,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment_id, release),
    FOREIGN KEY (deployment_id, former) REFERENCES fsdb.deployment_releases
);
COMMENT ON TABLE fsdb.deployment_releases IS
    'Each form that a deployment''s scoring has had: a model version with the max_age and defaults of its features at that time. Each prediction names its release.';
COMMENT ON COLUMN fsdb.deployment_releases.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.deployment_releases.release IS 'The release''s number within its deployment.';
COMMENT ON COLUMN fsdb.deployment_releases.version IS 'The model version that scores.';
COMMENT ON COLUMN fsdb.deployment_releases.former IS 'The release that a rollback returns to; NULL for the first one.';
COMMENT ON COLUMN fsdb.deployment_releases.created_at IS 'When the release was made.';

CREATE TABLE fsdb.deployment_sets (
    deployment_id  integer NOT NULL,
    release        integer NOT NULL,
    position       integer NOT NULL,
    feature_set    text NOT NULL REFERENCES fsdb.feature_sets,
    max_age        interval,
    version_column text NOT NULL,
    PRIMARY KEY (deployment_id, release, position),
    UNIQUE (deployment_id, release, feature_set),
    UNIQUE (deployment_id, release, version_column),
    FOREIGN KEY (deployment_id, release) REFERENCES fsdb.deployment_releases ON DELETE CASCADE
);
COMMENT ON TABLE fsdb.deployment_sets IS 'Feature sets that a release looks up by their keys, which are columns of the model table by the same names.';
COMMENT ON COLUMN fsdb.deployment_sets.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.deployment_sets.release IS 'The release''s number within its deployment.';
COMMENT ON COLUMN fsdb.deployment_sets.position IS 'The set''s place in the release, from 1 on.';
COMMENT ON COLUMN fsdb.deployment_sets.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.deployment_sets.max_age IS 'How old a value of the set may be when it is read; NULL: any age.';
COMMENT ON COLUMN fsdb.deployment_sets.version_column IS 'Column of the model table that records the version_id which was read.';

CREATE TABLE fsdb.deployment_inputs (
    deployment_id integer NOT NULL,
    release       integer NOT NULL,
    position      integer NOT NULL,
    name          text NOT NULL,
    type          text NOT NULL,
    feature_id    integer REFERENCES fsdb.features,
    default_value text,
    column_name   text CHECK ((column_name IS NULL) = (feature_id IS NOT NULL)),
    PRIMARY KEY (deployment_id, release, position),
    FOREIGN KEY (deployment_id, release) REFERENCES fsdb.deployment_releases ON DELETE CASCADE
);
CREATE INDEX deployment_inputs_feature ON fsdb.deployment_inputs (feature_id);
COMMENT ON TABLE fsdb.deployment_inputs IS 'What a release gives to the model, in the signature''s order.';
COMMENT ON COLUMN fsdb.deployment_inputs.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.deployment_inputs.release IS 'The release''s number within its deployment.';
COMMENT ON COLUMN fsdb.deployment_inputs.position IS 'Its place in the model''s signature, from 1 on.';
COMMENT ON COLUMN fsdb.deployment_inputs.name IS 'The input''s name.';
COMMENT ON COLUMN fsdb.deployment_inputs.type IS 'The type of the scoring function''s argument, as PostgreSQL calls it.';
COMMENT ON COLUMN fsdb.deployment_inputs.feature_id IS 'The feature that is looked up; NULL where a column of the model table gives the value.';
COMMENT ON COLUMN fsdb.deployment_inputs.default_value IS 'The value that stands for NULL in this release; NULL: none does.';
COMMENT ON COLUMN fsdb.deployment_inputs.column_name IS 'The column of the model table that gives the value: the input''s name, or near it where no column can have that; NULL for a feature.';

CREATE TABLE fsdb.deployment_events (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    action     text NOT NULL CHECK (action IN ('deploy', 'replace', 'rollback', 'refresh', 'undeploy')),
    model      text NOT NULL,
    version    integer NOT NULL,
    by         text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE fsdb.deployment_events IS 'What happened to deployments, when, and by whom; stays after a deployment is gone.';
COMMENT ON COLUMN fsdb.deployment_events.event_id IS 'The event''s number.';
COMMENT ON COLUMN fsdb.deployment_events.deployment IS 'The deployment''s table.';
COMMENT ON COLUMN fsdb.deployment_events.at IS 'When it happened.';
COMMENT ON COLUMN fsdb.deployment_events.action IS 'What happened, such as deploy, rollback or undeploy.';
COMMENT ON COLUMN fsdb.deployment_events.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.deployment_events.version IS 'The model version that scores after the event; for undeploy the one that did before.';
COMMENT ON COLUMN fsdb.deployment_events.by IS 'Which database user did it.';

CREATE FUNCTION fsdb.refuse_prediction_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: prediction % of %.% is a record of what was scored and cannot be changed',
        OLD.prediction_id, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Insert a new row; columns that you added yourself may be updated.';
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_prediction_change FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_prediction_change IS 'Trigger of model tables: inputs, predictions and lineage stay as they were recorded.';

-- In PL/pgSQL, which is not read before it is called: a condition of the scoring trigger has it, for rows that hardly any insert has.
CREATE FUNCTION fsdb.owns("table" regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = "table"), 'USAGE');
END
$$;
COMMENT ON FUNCTION fsdb.owns IS 'Whether the caller has the rights of a table''s owner, whatever was granted: such a role may record rows that were scored elsewhere.';
GRANT EXECUTE ON FUNCTION fsdb.owns TO PUBLIC;

-- A refusal is told to whoever inserts, who need not be one who may read features. Its sentence holds a value in one case, a category
-- that the model was not fitted with; what is no sentence of fsdb's may hold any.
CREATE FUNCTION fsdb.refusal_told(reason text, given text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    category CONSTANT text := '" of the model has the category "';
BEGIN
    IF NOT starts_with(reason, 'fsdb: ') THEN
        RETURN 'fsdb: a feature that was looked up for this row has a value that the model does not take';
    END IF;
    IF strpos(reason, category) = 0 OR EXISTS (SELECT FROM unnest(given) AS g (name) WHERE starts_with(reason, 'fsdb: input "' || g.name || category)) THEN
        RETURN reason;
    END IF;
    RETURN split_part(reason, category, 1) || '" of the model, a feature, has a category that the model was not fitted with; correct it in its feature set, or fit with handle_unknown';
END
$$;
COMMENT ON FUNCTION fsdb.refusal_told IS 'Why a model refuses a row, without values of features that were looked up; given: the inputs whose values the row itself has.';

CREATE FUNCTION fsdb.prediction_lineage("table" text, prediction_id bigint)
RETURNS TABLE (input text, value text, feature_set text, version_id bigint, event_time timestamptz, recorded_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    deployed record;
    given    record;
    release_ integer;
    hidden   bigint;
BEGIN
    SELECT d.* INTO deployed FROM fsdb.deployments d
    WHERE "table" IN (d.name, d.schema_name || '.' || d.table_name);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fsdb: no model is deployed as table "%"', "table"
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM fsdb.deployments lists the deployments.';
    END IF;
    EXECUTE format('SELECT p.model_release FROM %I.%I p WHERE p.prediction_id = $1', deployed.schema_name, deployed.table_name)
        INTO release_ USING prediction_lineage.prediction_id;
    IF release_ IS NULL THEN
        RAISE EXCEPTION 'fsdb: table "%" has no prediction %', "table", prediction_lineage.prediction_id
            USING ERRCODE = 'no_data_found', HINT = 'Give a prediction_id of a row of the table.';
    END IF;
    FOR given IN
        SELECT i.name, i.column_name, i.default_value, f.feature_set, f.name AS feature, f.dropped_at, f.history_column, s.history_table, s.schema_name, r.max_age, r.version_column,
               CASE WHEN s.schema_name = 'public' THEN s.name ELSE substr(s.name, length(s.schema_name) + 2) END AS short,
               (SELECT string_agg(format(', p.%I::%s', k.name, k.type), '' ORDER BY k.position) FROM fsdb.feature_set_keys k WHERE k.feature_set = f.feature_set) AS keys,
               (SELECT string_agg(format('AND h.%1$I = p.%1$I', k.name), ' ' ORDER BY k.position)
                FROM fsdb.feature_set_keys k WHERE k.feature_set = f.feature_set) AS on_keys
        FROM fsdb.deployment_inputs i
        LEFT JOIN fsdb.features f ON f.feature_id = i.feature_id
        LEFT JOIN fsdb.feature_sets s ON s.name = f.feature_set
        LEFT JOIN fsdb.deployment_sets r
            ON r.deployment_id = i.deployment_id AND r.release = i.release AND r.feature_set = f.feature_set
        WHERE i.deployment_id = deployed.deployment_id AND i.release = release_
        ORDER BY i.position
    LOOP
        IF given.feature_set IS NULL THEN
            RETURN QUERY EXECUTE format(
                'SELECT %L, p.%I::text, NULL::text, NULL::bigint, NULL::timestamptz, NULL::timestamptz
                 FROM %I.%I p WHERE p.prediction_id = $1',
                given.name, given.column_name, deployed.schema_name, deployed.table_name)
                USING prediction_lineage.prediction_id;
        ELSIF given.history_table IS NULL THEN
            -- Computed from events: as they were at scoring, by the pin of the prediction.
            IF NOT fsdb.sees_all_versions((SELECT w.events FROM fsdb.window_sets w WHERE w.feature_set = given.feature_set)) THEN
                RAISE EXCEPTION 'fsdb: % does not see all events that %, of prediction %, is computed from: row security hides some',
                    current_user, given.feature_set, prediction_lineage.prediction_id USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN QUERY EXECUTE format(
                'SELECT %L, CASE WHEN (p.%I).high IS NOT NULL THEN coalesce(%s, %L) END, %L, NULL::bigint, p.scored_at, NULL::timestamptz
                 FROM %I.%I p LEFT JOIN LATERAL %I.%I(p.scored_at%s, p.%I) v ON (p.%I).high IS NOT NULL WHERE p.prediction_id = $1',
                given.name, given.version_column,
                CASE WHEN given.dropped_at IS NULL THEN format('v.%I::text', given.feature) ELSE 'NULL::text' END, given.default_value,
                given.feature_set, deployed.schema_name, deployed.table_name, given.schema_name, given.short || '_as_of', given.keys,
                given.version_column, given.version_column)
                USING prediction_lineage.prediction_id;
        ELSE
            IF NOT fsdb.sees_all_versions(given.feature_set) THEN
                EXECUTE format('SELECT p.%I FROM %I.%I p WHERE p.prediction_id = $1 AND NOT EXISTS (SELECT FROM fsdb_history.%I h WHERE h.version_id = p.%I)',
                    given.version_column, deployed.schema_name, deployed.table_name, given.history_table, given.version_column)
                    INTO hidden USING prediction_lineage.prediction_id;
                IF hidden IS NOT NULL THEN
                    RAISE EXCEPTION 'fsdb: % does not see version % of %, from which prediction % was made: row security hides versions of that set',
                        current_user, hidden, given.feature_set, prediction_lineage.prediction_id USING ERRCODE = 'insufficient_privilege';
                END IF;
            END IF;
            -- As it was given at scoring: the max_age and default are those of the release. Where the version
            -- itself is gone, the value is not known any more.
            RETURN QUERY EXECUTE format(
                'SELECT %L,
                        CASE WHEN h.version_id IS NOT NULL OR p.%I IS NULL THEN
                             coalesce(CASE WHEN NOT h.deleted AND (%L::interval IS NULL OR p.scored_at - h.event_time <= %L::interval)
                                           THEN h.%I END, %L)::text END,
                        %L, p.%I, h.event_time, h.recorded_at
                 FROM %I.%I p LEFT JOIN fsdb_history.%I h ON h.version_id = p.%I %s
                 WHERE p.prediction_id = $1',
                given.name, given.version_column, given.max_age, given.max_age, given.history_column, given.default_value,
                given.feature_set, given.version_column, deployed.schema_name, deployed.table_name,
                given.history_table, given.version_column, given.on_keys)
                USING prediction_lineage.prediction_id;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fsdb.prediction_lineage IS
    'What a prediction was made from: each input''s value, and for features the set and version that was read. Runs with the caller''s rights on the model table and on history.';
