-- name: kinds
-- What is registered under a name, one row a kind.
SELECT kind FROM (
    SELECT 'feature set' AS kind, 1 AS position FROM fsdb.feature_sets WHERE name = %(name)s
    UNION ALL SELECT 'feature', 2 FROM fsdb.features WHERE feature_set || '.' || name = %(name)s AND dropped_at IS NULL
    UNION ALL SELECT 'model', 3 FROM fsdb.models WHERE name = %(name)s
    UNION ALL SELECT 'training view', 4 FROM fsdb.training_views WHERE name = %(name)s
    UNION ALL SELECT 'training set', 5 FROM fsdb.training_sets WHERE name = %(name)s
    UNION ALL SELECT 'expression', 8 FROM fsdb.expressions WHERE name = %(name)s
    UNION ALL SELECT 'deployment', 6 FROM fsdb.deployments WHERE name = %(name)s
    UNION ALL SELECT 'schedule', 7 FROM fsdb.schedules WHERE name = %(name)s
) AS found ORDER BY position

-- name: training_view
-- The features of a training view.
SELECT one.feature, one.type, one.description, one.default_value
FROM (
    SELECT f.feature_set || '.' || f.name, f.type, f.description, f.default_value, m.position
    FROM fsdb.training_view_features AS m JOIN fsdb.features AS f USING (feature_id) WHERE m.training_view = %(name)s
    UNION ALL
    SELECT e.name, e.type, e.description, NULL, m.position
    FROM fsdb.training_view_expressions AS m JOIN fsdb.expressions AS e ON e.name = m.expression WHERE m.training_view = %(name)s
) AS one (feature, type, description, default_value, position)
ORDER BY one.position

-- name: training_view_said
-- What a training view's title says.
SELECT ARRAY['Training view ' || name, description, 'timestamp ' || timestamp_column, 'label ' || label, 'owner ' || nullif(owner, ''), 'spine: ' || spine]
FROM fsdb.training_views WHERE name = %(name)s

-- name: training_set
-- The columns of a saved training set.
SELECT c.name, c.type, coalesce(f.feature_set || '.' || f.name, CASE WHEN c.tree IS NOT NULL THEN 'expression ' || c.name END) AS feature, c.default_value, f.dropped_at
FROM fsdb.training_set_columns AS c LEFT JOIN fsdb.features AS f USING (feature_id)
WHERE c.training_set = %(name)s AND NOT c.hidden ORDER BY c.position

-- name: training_set_said
-- What a saved training set's title says.
SELECT ARRAY['Training set ' || name, 'of view ' || training_view, row_count || ' rows', 'label ' || label, 'known ' || coalesce(known_at::text, known),
             late_values || ' late values', 'saved ' || date_trunc('second', created_at), 'hash ' || content_hash]
FROM fsdb.training_sets WHERE name = %(name)s

-- name: expression
-- What an expression reads, and what has it.
SELECT i.name AS input, i.type, CASE WHEN i.feature_id IS NULL THEN 'request' ELSE 'feature' END AS comes_from, f.feature_set || '.' || f.name AS feature
FROM fsdb.expression_inputs AS i LEFT JOIN fsdb.features AS f USING (feature_id)
WHERE i.expression = %(name)s ORDER BY i.position

-- name: expression_said
-- What an expression's title says.
SELECT ARRAY['Expression ' || name, description, 'type ' || type, 'owner ' || nullif(owner, ''),
             'in training view ' || nullif(array_to_string(ARRAY(SELECT training_view FROM fsdb.training_view_expressions AS v WHERE v.expression = e.name ORDER BY 1), ', '), ''),
             expression]
FROM fsdb.expressions AS e WHERE name = %(name)s

-- name: deployment
-- What a deployment's release gives to its model: looked up as a feature, or from the row.
SELECT i.name AS input, i.type, f.feature_set || '.' || f.name AS feature, i.column_name AS column, i.default_value
FROM fsdb.deployments AS d JOIN fsdb.deployment_inputs AS i USING (deployment_id, release)
LEFT JOIN fsdb.features AS f ON f.feature_id = i.feature_id
WHERE d.name = %(name)s ORDER BY i.position

-- name: deployment_said
-- What a deployment's title says.
SELECT ARRAY['Deployment ' || d.name, 'model ' || d.model || ' version ' || d.version, 'runtime ' || d.runtime, 'on_error ' || d.on_error,
             'canary version ' || c.version || ' for ' || round((d.canary_share * 100)::numeric, 2) || ' %% of the keys',
             'table ' || d.schema_name || '.' || d.table_name, 'rows of ' || f.source_schema || '.' || f.source_table,
             'since ' || date_trunc('second', r.created_at)]
FROM fsdb.deployments AS d JOIN fsdb.deployment_releases AS r USING (deployment_id, release)
LEFT JOIN fsdb.deployment_releases AS c ON (c.deployment_id, c.release) = (d.deployment_id, d.canary_release)
LEFT JOIN fsdb.deployment_feeds AS f ON f.deployment_id = d.deployment_id
WHERE d.name = %(name)s

-- name: schedule
-- The next slots of a schedule, and its last runs.
(SELECT NULL::timestamptz AS since, c.until, 'to come' AS outcome, NULL::bigint AS rows, NULL::bigint AS changed, NULL::integer AS attempt, s.next_try,
        NULL::timestamptz AS started_at, NULL AS duration
 FROM fsdb.schedules s CROSS JOIN LATERAL unnest(s.coming[1:2]) WITH ORDINALITY c (until, place) WHERE s.name = %(name)s ORDER BY c.place DESC)
UNION ALL
(SELECT since, until, outcome, rows, changed, attempt, next_try, started_at, duration::text
 FROM fsdb.runs WHERE schedule = %(name)s ORDER BY run_id DESC LIMIT 10)

-- name: schedule_said
-- What a schedule's title says.
SELECT ARRAY['Schedule ' || name, nullif(description, ''), job || ' at ' || cron, timezone, 'sets ' || nullif(array_to_string(sets, ', '), ''), 'lookback ' || lookback,
             CASE WHEN catch_up THEN NULL ELSE 'the last slot alone' END, 'after ' || nullif(array_to_string(after, ', '), ''),
             'reads ' || nullif(array_to_string(reads, ', '), ''), 'done until ' || done_until, 'paused since ' || paused_at, 'owner ' || nullif(owner, ''), 'query: ' || query]
FROM fsdb.schedules WHERE name = %(name)s
