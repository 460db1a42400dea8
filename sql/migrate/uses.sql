-- name: uses
-- What uses any of the features, as kind and name: deployments by their current release or only by a past one, training views,
-- saved training sets, and registered model versions.
SELECT DISTINCT CASE WHEN i.release IN (d.release, d.canary_release) THEN 'deployment' ELSE 'past release of deployment' END AS kind, d.name
FROM fsdb.deployments AS d JOIN fsdb.deployment_inputs AS i USING (deployment_id)
WHERE i.feature_id = ANY (%(features)s)
  AND (i.release IN (d.release, d.canary_release) OR NOT EXISTS (
      SELECT FROM fsdb.deployment_inputs AS c
      WHERE c.deployment_id = d.deployment_id AND c.release IN (d.release, d.canary_release) AND c.feature_id = ANY (%(features)s)))
UNION
SELECT 'training view', f.training_view FROM fsdb.training_view_features AS f WHERE f.feature_id = ANY (%(features)s)
UNION
SELECT 'training set', c.training_set FROM fsdb.training_set_columns AS c WHERE c.feature_id = ANY (%(features)s)
UNION
SELECT 'model', m.model || ' version ' || m.version FROM fsdb.model_inputs AS m WHERE m.feature_id = ANY (%(features)s)
ORDER BY kind, name

-- name: saved_from
-- Saved training sets of a training view.
SELECT 'training set' AS kind, name FROM fsdb.training_sets WHERE training_view = %(view)s ORDER BY name
