-- name: feature_sets
-- Feature sets with their keys, how many features they have, where their live table is, and what else is said of them.
SELECT s.name,
       ARRAY(SELECT k.name FROM fsdb.feature_set_keys AS k WHERE k.feature_set = s.name ORDER BY k.position) AS keys,
       (SELECT count(*) FROM fsdb.features AS f WHERE f.feature_set = s.name AND f.dropped_at IS NULL) AS features,
       s.live_schema || '.' || s.live_table AS table, s.tracked,
       extract(epoch FROM s.max_age)::float8 * interval '1 second' AS max_age,
       extract(epoch FROM s.retention)::float8 * interval '1 second' AS retention,
       s.description, s.tags, s.owner
FROM fsdb.feature_sets AS s ORDER BY s.name

-- name: expressions
-- Expressions with what they read.
SELECT e.name, e.expression, e.type,
       ARRAY(SELECT i.name FROM fsdb.expression_inputs AS i WHERE i.expression = e.name ORDER BY i.position) AS inputs,
       e.description, e.tags, e.owner
FROM fsdb.expressions AS e ORDER BY e.name

-- name: training_views
-- Training views with what they are built of.
SELECT v.name, v.timestamp_column AS timestamp, v.label,
       ARRAY(SELECT one.reference FROM (
                 SELECT f.feature_set || '.' || f.name, m.position FROM fsdb.training_view_features AS m JOIN fsdb.features AS f USING (feature_id)
                 WHERE m.training_view = v.name
                 UNION ALL SELECT e.expression, e.position FROM fsdb.training_view_expressions AS e WHERE e.training_view = v.name
             ) AS one (reference, position) ORDER BY one.position) AS features,
       v.description, v.tags, v.owner
FROM fsdb.training_views AS v ORDER BY v.name

-- name: training_sets
-- Saved training sets, the newest first, with what they were built of and which models were trained on them.
SELECT t.name, t.training_view AS view, t.row_count AS rows,
       (SELECT count(*) FROM fsdb.training_set_columns AS c WHERE c.training_set = t.name AND (c.feature_id IS NOT NULL OR c.tree IS NOT NULL) AND NOT c.hidden) AS features,
       t.label, coalesce(t.known_at::text, t.known) AS known, t.late_values,
       ARRAY(SELECT v.model || ' ' || v.version FROM fsdb.model_versions AS v WHERE v.training_set = t.name ORDER BY v.model, v.version) AS models,
       t.created_at
FROM fsdb.training_sets AS t ORDER BY t.created_at DESC, t.name

-- name: models
-- Models with their newest version, the one in production, and where they are deployed.
SELECT m.name, (SELECT max(v.version) FROM fsdb.model_versions AS v WHERE v.model = m.name) AS newest,
       (SELECT p.version FROM fsdb.model_stages AS p WHERE p.model = m.name AND p.stage = 'production') AS production,
       (SELECT v.estimator FROM fsdb.model_versions AS v WHERE v.model = m.name ORDER BY v.version DESC LIMIT 1) AS estimator,
       ARRAY(SELECT d.name FROM fsdb.deployments AS d WHERE d.model = m.name ORDER BY d.name) AS deployed,
       m.description, m.tags, m.owner
FROM fsdb.models AS m ORDER BY m.name

-- name: deployments
-- Deployments with the version that scores, how, and a canary and its share where there is one; source is the table whose rows are scored where that is another.
SELECT d.name, d.model, d.version, d.runtime, d.on_error, c.version AS canary, d.canary_share AS share,
       f.source_schema || '.' || f.source_table AS source, d.created_at
FROM fsdb.deployments AS d
LEFT JOIN fsdb.deployment_releases AS c ON (c.deployment_id, c.release) = (d.deployment_id, d.canary_release)
LEFT JOIN fsdb.deployment_feeds AS f ON f.deployment_id = d.deployment_id
ORDER BY d.name
