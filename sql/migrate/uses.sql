-- name: uses
-- What uses any of the features, as kind and name: deployments by their current release or only by a past one, training views,
-- expressions, saved training sets, registered model versions, window sets, and schedules whose query reads the set.
SELECT DISTINCT CASE WHEN i.release IN (d.release, d.canary_release) THEN 'deployment' ELSE 'past release of deployment' END AS kind, d.name
FROM fsdb.deployments AS d JOIN fsdb.deployment_inputs AS i USING (deployment_id)
WHERE i.feature_id = ANY (%(features)s)
  AND (i.release IN (d.release, d.canary_release) OR NOT EXISTS (
      SELECT FROM fsdb.deployment_inputs AS c
      WHERE c.deployment_id = d.deployment_id AND c.release IN (d.release, d.canary_release) AND c.feature_id = ANY (%(features)s)))
UNION
SELECT 'training view', f.training_view FROM fsdb.training_view_features AS f WHERE f.feature_id = ANY (%(features)s)
UNION
SELECT 'expression', e.expression FROM fsdb.expression_inputs AS e WHERE e.feature_id = ANY (%(features)s)
UNION
SELECT 'training set', c.training_set FROM fsdb.training_set_columns AS c WHERE c.feature_id = ANY (%(features)s)
UNION
SELECT 'model', m.model || ' version ' || m.version FROM fsdb.model_inputs AS m WHERE m.feature_id = ANY (%(features)s)
UNION
SELECT 'window set', f.feature_set FROM fsdb.windows AS w JOIN fsdb.features AS f USING (feature_id) WHERE w.column_id = ANY (%(features)s)
UNION
SELECT 'window set', k.feature_set FROM fsdb.window_keys AS k WHERE k.feature_id = ANY (%(features)s)
UNION
SELECT 'window set', w.feature_set FROM fsdb.window_sets AS w JOIN fsdb.feature_sets AS s ON s.name = w.events
JOIN fsdb.features AS f ON (f.feature_set, f.name) = (s.name, s.happens_column) AND f.dropped_at IS NULL
WHERE f.feature_id = ANY (%(features)s)
UNION
SELECT 'schedule', s.name FROM fsdb.schedules AS s JOIN fsdb.features AS f ON f.feature_set = ANY (s.reads) AND f.feature_set <> s.name
WHERE f.feature_id = ANY (%(features)s)
ORDER BY kind, name

-- name: uses_of_expression
-- The training views that have an expression.
SELECT 'training view' AS kind, training_view AS name FROM fsdb.training_view_expressions WHERE expression = %(expression)s ORDER BY name

-- name: saved_from
-- Saved training sets of a training view.
SELECT 'training set' AS kind, name FROM fsdb.training_sets WHERE training_view = %(view)s ORDER BY name
