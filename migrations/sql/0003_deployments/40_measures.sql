CREATE FUNCTION fsdb.deployment_costs("table" text DEFAULT NULL, since timestamptz DEFAULT NULL)
RETURNS TABLE (deployment text, model_version integer, role text, runtime text, rows bigint, errors bigint, pending bigint, rejected bigint,
               scoring_ms double precision, mean_us double precision, p50_us double precision, p99_us double precision,
               first_at timestamptz, last_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT d.* FROM fsdb.deployments d
        WHERE deployment_costs."table" IS NULL
           OR deployment_costs."table" IN (d.name, d.schema_name || '.' || d.table_name)
        ORDER BY d.name
    LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', found.schema_name, found.table_name)) IS NULL;
        RETURN QUERY EXECUTE format(
            'SELECT %L, v.version,
                    CASE WHEN v.version = %s THEN ''live'' WHEN v.version = %L::integer THEN ''canary'' ELSE ''past'' END,
                    v.runtime, coalesce(p.rows, 0), coalesce(p.errors, 0), coalesce(p.pending, 0),
                    fsdb.rejections(%s, v.version), coalesce(p.scoring_ms, 0), p.mean_us, p.p50_us, p.p99_us, p.first_at, p.last_at
             FROM (SELECT DISTINCT ON (r.version) r.version, r.runtime FROM fsdb.deployment_releases r
                   WHERE r.deployment_id = %s ORDER BY r.version, r.release DESC) v
             LEFT JOIN (
                 SELECT p.model_version, count(*) AS rows, count(p.error) AS errors,
                        count(*) FILTER (WHERE p.prediction IS NULL AND p.error IS NULL) AS pending,
                        sum(p.scoring_us) / 1000.0::float8 AS scoring_ms, avg(p.scoring_us)::float8 AS mean_us,
                        percentile_cont(0.5) WITHIN GROUP (ORDER BY p.scoring_us) AS p50_us,
                        percentile_cont(0.99) WITHIN GROUP (ORDER BY p.scoring_us) AS p99_us,
                        min(p.scored_at) AS first_at, max(p.scored_at) AS last_at
                 FROM %I.%I p WHERE $1 IS NULL OR p.scored_at >= $1 GROUP BY p.model_version
             ) p ON p.model_version = v.version
             ORDER BY v.version',
            found.name, found.version,
            (SELECT r.version FROM fsdb.deployment_releases r
             WHERE (r.deployment_id, r.release) = (found.deployment_id, found.canary_release)),
            found.deployment_id, found.deployment_id, found.schema_name, found.table_name)
            USING since;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fsdb.deployment_costs IS
    'Rows, errors and microseconds in looking up and scoring, of one deployment or all, by model version, for rows scored since a moment. rejected counts rows whose insert failed, ever. Runs with the caller''s rights on the model tables.';

CREATE FUNCTION fsdb.rejections(deployment_id integer, version integer) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT fsdb.last_number(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE n.nspname = 'fsdb_models' AND c.relname = format('rejected_%s_%s', $1, $2) AND c.relkind = 'S'), 0)
$$;
COMMENT ON FUNCTION fsdb.rejections IS 'How many rows a version of a deployment refused so that their insert failed: counted by a sequence, which outlives the rollback.';

CREATE FUNCTION fsdb.model_comparison("table" text, labels regclass, label text, id_column text DEFAULT 'prediction_id')
RETURNS TABLE (role text, model_version integer, rows bigint, errors bigint, labelled bigint, accuracy double precision,
               log_loss double precision, brier double precision, auc double precision,
               mae double precision, rmse double precision, bias double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    live    record;
    shadow  record;
    classes text[];
    several boolean;
    source  text;
    measure text;
    has_probability boolean;
BEGIN
    SELECT d.* INTO live FROM fsdb.deployments d
    WHERE model_comparison."table" IN (d.name, d.schema_name || '.' || d.table_name);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fsdb: no model is deployed as table "%"', model_comparison."table"
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM fsdb.deployments lists the deployments.';
    END IF;
    SELECT v.classes, v.prediction_type LIKE '%[]' INTO classes, several
    FROM fsdb.model_versions v WHERE (v.model, v.version) = (live.model, live.version);
    IF several THEN
        RAISE EXCEPTION 'fsdb: model % predicts several targets, and one label cannot judge them', live.model
            USING ERRCODE = 'feature_not_supported', HINT = 'Compare prediction[1], prediction[2] and so on in SQL.';
    END IF;
    has_probability := cardinality(classes) = 2 AND EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = format('%I.%I', live.schema_name, live.table_name)::regclass
          AND a.attname = 'probability' AND NOT a.attisdropped);
    source := format(
        'SELECT CASE WHEN p.model_version = %s THEN ''live'' WHEN p.model_version = %L::integer THEN ''canary'' ELSE ''past'' END AS role,
                p.prediction_id AS of_prediction, p.model_version, p.prediction, %s AS probability, p.error FROM %I.%I p',
        live.version,
        (SELECT r.version FROM fsdb.deployment_releases r WHERE (r.deployment_id, r.release) = (live.deployment_id, live.canary_release)),
        CASE WHEN has_probability THEN 'p.probability' ELSE 'NULL::float8' END, live.schema_name, live.table_name);
    FOR shadow IN
        SELECT d.schema_name, d.table_name FROM fsdb.deployment_feeds f JOIN fsdb.deployments d USING (deployment_id)
        WHERE f.role = 'shadow' AND f.shadow_of = live.deployment_id
    LOOP
        source := source || format(
            ' UNION ALL SELECT ''shadow'', p.of_prediction, p.model_version, p.prediction, %s, p.error FROM %I.%I p',
            CASE WHEN has_probability THEN 'p.probability' ELSE 'NULL::float8' END, shadow.schema_name, shadow.table_name);
    END LOOP;
    IF classes IS NULL THEN
        measure := 'NULL::float8, NULL::float8, NULL::float8, NULL::float8,
            avg(abs(prediction - label)), sqrt(avg((prediction - label) * (prediction - label))), avg(prediction - label)';
    ELSE
        -- AUC as the rank sum of the positive rows (Mann and Whitney 1947); equal probabilities share their mean rank.
        measure := 'avg((prediction = label)::int)::float8,
            -avg(ln(greatest(CASE WHEN positive THEN probability ELSE 1 - probability END, 1e-15))),
            avg((probability - positive::int) * (probability - positive::int)),
            CASE WHEN count(*) FILTER (WHERE positive AND probability IS NOT NULL) > 0
                  AND count(*) FILTER (WHERE NOT positive AND probability IS NOT NULL) > 0 THEN
                 (sum(place) FILTER (WHERE positive AND probability IS NOT NULL)
                  - count(*) FILTER (WHERE positive AND probability IS NOT NULL)::float8
                    * (count(*) FILTER (WHERE positive AND probability IS NOT NULL) + 1) / 2)
                 / (count(*) FILTER (WHERE positive AND probability IS NOT NULL)::float8
                    * count(*) FILTER (WHERE NOT positive AND probability IS NOT NULL)) END,
            NULL::float8, NULL::float8, NULL::float8';
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH predicted AS (%1$s), labelled AS (
             SELECT p.role, p.model_version, p.prediction, p.probability, l.%2$I AS label, l.%2$I::text = %3$L AS positive,
                    rank() OVER w + (count(*) OVER (PARTITION BY p.role, p.model_version, p.probability) - 1) / 2.0::float8 AS place
             FROM predicted p JOIN %4$s l ON l.%5$I = p.of_prediction
             WHERE l.%2$I IS NOT NULL AND p.prediction IS NOT NULL
             WINDOW w AS (PARTITION BY p.role, p.model_version ORDER BY p.probability)
         ), measured AS (
             SELECT role, model_version, count(*) AS labelled, %6$s FROM labelled GROUP BY role, model_version
         )
         SELECT c.role, c.model_version, c.rows, c.errors, coalesce(m.labelled, 0), %7$s
         FROM (SELECT role, model_version, count(*) AS rows, count(error) AS errors FROM predicted GROUP BY role, model_version) c
         LEFT JOIN measured AS m (role, model_version, labelled, a1, a2, a3, a4, a5, a6, a7) USING (role, model_version)
         ORDER BY array_position(ARRAY[''live'', ''canary'', ''shadow'', ''past''], c.role), c.model_version DESC',
        source, label, classes[2], labels::text, id_column, measure, 'm.a1, m.a2, m.a3, m.a4, m.a5, m.a6, m.a7');
END
$$;
COMMENT ON FUNCTION fsdb.model_comparison IS
    'How the versions of a deployment did where labels are known: live, canary and shadow, each with its rows, accuracy, log_loss, brier and auc (classes) or mae, rmse and bias (numbers). labels: a table or view with the live table''s prediction_ids and the label. Runs with the caller''s rights.';
