-- name: search
-- Everything registered whose name, description, tags or owner holds each of the words, best kinds of match first; all of it without a word.
WITH entries (kind, name, description, tags, owner) AS (
    SELECT 'feature set', name, description, tags, owner FROM fsdb.feature_sets
    UNION ALL
    SELECT 'feature', feature_set || '.' || name, description, tags, owner FROM fsdb.features WHERE dropped_at IS NULL
    UNION ALL
    SELECT 'expression', name, concat_ws(': ', nullif(description, ''), expression), tags, owner FROM fsdb.expressions
    UNION ALL
    SELECT 'training view', name, description, tags, owner FROM fsdb.training_views
    UNION ALL
    SELECT 'training set', name, coalesce('of view ' || training_view, ''), '{{}}'::text[], '' FROM fsdb.training_sets
    UNION ALL
    SELECT 'model', name, description, tags, owner FROM fsdb.models
    UNION ALL
    SELECT 'schedule', name, concat_ws(' ', nullif(description, ''), job, cron, timezone), tags, owner FROM fsdb.schedules
    UNION ALL
    SELECT 'deployment', name, 'model ' || model || ' version ' || version, '{{}}'::text[], '' FROM fsdb.deployments
)
SELECT kind, name, description, tags, owner
FROM entries
WHERE (SELECT coalesce(bool_and(position(word IN lower(concat_ws(' ', name, description, array_to_string(tags, ' '), owner))) > 0), true)
       FROM unnest(%(words)s::text[]) AS word)
ORDER BY NOT (SELECT bool_and(position(word IN lower(name)) > 0) FROM unnest(%(words)s::text[]) AS word), kind, name

-- name: set_columns
-- Keys and features of a set, or one feature of it, with what uses each feature.
SELECT name, type, role, description, tags, owner, default_value, used_by
FROM (
    SELECT name, type, 'key' AS role, '' AS description, '{{}}'::text[] AS tags, '' AS owner, NULL AS default_value,
           '{{}}'::text[] AS used_by, 1 AS part, position
    FROM fsdb.feature_set_keys WHERE feature_set = %(name)s
    UNION ALL
    SELECT f.name, f.type, 'feature', f.description, f.tags, f.owner, f.default_value,
           ARRAY(SELECT 'deployment ' || d.name
                 FROM fsdb.deployments AS d JOIN fsdb.deployment_inputs AS i USING (deployment_id, release)
                 WHERE i.feature_id = f.feature_id
                 UNION
                 SELECT 'training view ' || v.training_view FROM fsdb.training_view_features AS v WHERE v.feature_id = f.feature_id
                 UNION
                 SELECT 'expression ' || e.expression FROM fsdb.expression_inputs AS e WHERE e.feature_id = f.feature_id
                 ORDER BY 1),
           2, f.position
    FROM fsdb.features AS f WHERE f.feature_set = %(name)s AND f.dropped_at IS NULL
) AS columns
WHERE %(feature)s::text IS NULL OR (role = 'feature' AND name = %(feature)s::text)
ORDER BY part, position

-- name: model_versions
-- Versions of a model, the newest first, with metrics and where each is deployed.
SELECT v.version, v.estimator, v.prediction_type, v.training_set,
       ARRAY(SELECT m.name || ' ' || round(m.value::numeric, 4) FROM fsdb.model_metrics AS m
             WHERE (m.model, m.version) = (v.model, v.version) ORDER BY m.name) AS metrics,
       ARRAY(SELECT d.name FROM fsdb.deployments AS d WHERE (d.model, d.version) = (v.model, v.version) ORDER BY d.name) AS deployed,
       v.created_at
FROM fsdb.model_versions AS v WHERE v.model = %(name)s ORDER BY v.version DESC
