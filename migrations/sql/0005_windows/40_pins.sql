CREATE TYPE fsdb.event_pin AS (
    snapshot pg_snapshot,
    own      xid8,
    high     bigint,
    restored bigint
);
COMMENT ON TYPE fsdb.event_pin IS 'Which versions of an event table a prediction saw: those up to number restored, which came with a dump, and up to high those whose transactions are visible in snapshot, or are own.';

CREATE FUNCTION fsdb.refuse_feature(feature text, of text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: window set % has no feature "%"', of, feature
        USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM fsdb.features lists the features of each set.';
END
$$;
COMMENT ON FUNCTION fsdb.refuse_feature(text, text) IS 'Refuses the name of a feature that a window set does not have.';

CREATE FUNCTION fsdb.window_events("table" text, prediction_id bigint, feature text)
RETURNS TABLE (event_id text, happened timestamptz, value text, version_id bigint, recorded_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    deployed record;
    counted  record;
    release_ integer;
BEGIN
    SELECT d.* INTO deployed FROM fsdb.deployments d WHERE "table" IN (d.name, d.schema_name || '.' || d.table_name);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fsdb: no model is deployed as table "%"', "table"
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM fsdb.deployments lists the deployments.';
    END IF;
    EXECUTE format('SELECT p.model_release FROM %I.%I p WHERE p.prediction_id = $1', deployed.schema_name, deployed.table_name)
        INTO release_ USING window_events.prediction_id;
    IF release_ IS NULL THEN
        RAISE EXCEPTION 'fsdb: table "%" has no prediction %', "table", window_events.prediction_id
            USING ERRCODE = 'no_data_found', HINT = 'Give a prediction_id of a row of the table.';
    END IF;
    SELECT f.name, s.name AS of, s.schema_name, r.version_column, w.events,
           CASE WHEN s.schema_name = 'public' THEN s.name ELSE substr(s.name, length(s.schema_name) + 2) END AS short,
           (SELECT string_agg(format(', p.%I::%s', k.name, k.type), '' ORDER BY k.position) FROM fsdb.feature_set_keys k WHERE k.feature_set = s.name) AS keys
        INTO counted
    FROM fsdb.deployment_inputs i
    JOIN fsdb.features f ON f.feature_id = i.feature_id
    JOIN fsdb.feature_sets s ON s.name = f.feature_set
    JOIN fsdb.window_sets w ON w.feature_set = s.name
    JOIN fsdb.deployment_sets r ON (r.deployment_id, r.release, r.feature_set) = (i.deployment_id, i.release, s.name)
    WHERE i.deployment_id = deployed.deployment_id AND i.release = release_
      AND window_events.feature IN (i.name, f.name, s.name || '.' || f.name)
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fsdb: prediction % of table "%" read no window "%"', window_events.prediction_id, "table", window_events.feature
            USING ERRCODE = 'undefined_object', HINT = 'SELECT input, feature_set FROM fsdb.prediction_lineage(...) lists what it read.';
    END IF;
    IF NOT fsdb.sees_all_versions(counted.events) THEN
        RAISE EXCEPTION 'fsdb: % does not see all events of %, of which prediction % was made: row security hides some',
            current_user, counted.events, window_events.prediction_id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT e.event_id, e.happened, e.value, e.version_id, e.recorded_at
         FROM %I.%I p CROSS JOIN LATERAL %I.%I(%L, p.scored_at%s, p.%I) e WHERE p.prediction_id = $1',
        deployed.schema_name, deployed.table_name, counted.schema_name, counted.short || '_events', counted.name, counted.keys, counted.version_column)
        USING window_events.prediction_id;
END
$$;
COMMENT ON FUNCTION fsdb.window_events IS 'The very events that a window of a prediction counted, as they were then. feature: the model''s input, or the feature''s name. Runs with the caller''s rights on the model table and on history.';
