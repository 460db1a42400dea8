-- name: list_deployments
-- Deployments, in order of name; only the named one where a name is given.
SELECT deployment_id, name, model, version, runtime, release, schema_name, table_name, created_at, on_error,
       canary_release, canary_share, canary_by
FROM fsdb.deployments WHERE %(name)s::text IS NULL OR name = %(name)s::text ORDER BY name

-- name: list_releases
-- Releases of a deployment, oldest first.
SELECT release, version, former, runtime, reason FROM fsdb.deployment_releases WHERE deployment_id = %(deployment_id)s ORDER BY release

-- name: list_inputs
-- What each release of a deployment gives to its model, with the history column of each feature as it is called now.
SELECT i.release, i.name, i.type, i.feature_id, f.feature_set, f.name AS feature, f.history_column, f.dropped_at, i.default_value, i.column_name
FROM fsdb.deployment_inputs i LEFT JOIN fsdb.features f ON f.feature_id = i.feature_id
WHERE i.deployment_id = %(deployment_id)s ORDER BY i.release, i.position

-- name: list_sets
-- Which feature sets each release of a deployment looks up.
SELECT release, feature_set, extract(epoch FROM max_age)::float8 AS max_age_seconds, version_column,
       EXISTS (SELECT FROM fsdb.window_sets w WHERE w.feature_set = s.feature_set) AS computed
FROM fsdb.deployment_sets s WHERE deployment_id = %(deployment_id)s ORDER BY release, position

-- name: insert_deployment
-- Registers a deployment; its first release follows.
INSERT INTO fsdb.deployments (name, model, version, runtime, release, schema_name, table_name, on_error)
VALUES (%(name)s, %(model)s, %(version)s, %(runtime)s, 1, %(schema_name)s, %(table_name)s, %(on_error)s)
RETURNING deployment_id

-- name: insert_release
-- Registers a release.
INSERT INTO fsdb.deployment_releases (deployment_id, release, version, former, runtime, reason)
VALUES (%(deployment_id)s, %(release)s, %(version)s, %(former)s, %(runtime)s, %(reason)s)

-- name: insert_set
-- Registers a set that a release looks up.
INSERT INTO fsdb.deployment_sets (deployment_id, release, position, feature_set, max_age, version_column)
VALUES (%(deployment_id)s, %(release)s, %(position)s, %(feature_set)s, make_interval(secs => %(max_age_seconds)s), %(version_column)s)

-- name: insert_input
-- Registers an input of a release.
INSERT INTO fsdb.deployment_inputs (deployment_id, release, position, name, type, feature_id, default_value, column_name)
VALUES (%(deployment_id)s, %(release)s, %(position)s, %(name)s, %(type)s, %(feature_id)s, %(default_value)s, %(column_name)s)

-- name: set_release
-- Makes a release the one that scores.
UPDATE fsdb.deployments SET release = %(release)s, version = %(version)s, runtime = %(runtime)s
WHERE deployment_id = %(deployment_id)s

-- name: set_on_error
-- What becomes of rows that cannot be scored.
UPDATE fsdb.deployments SET on_error = %(on_error)s WHERE deployment_id = %(deployment_id)s

-- name: set_canary
-- Makes a release score a share of the keys, or none.
UPDATE fsdb.deployments SET canary_release = %(release)s, canary_share = %(share)s, canary_by = %(by)s
WHERE deployment_id = %(deployment_id)s

-- name: delete_deployment
-- Removes a deployment with its releases.
DELETE FROM fsdb.deployments WHERE deployment_id = %(deployment_id)s

-- name: insert_event
-- Notes what happened to a deployment.
INSERT INTO fsdb.deployment_events (deployment, action, model, version)
VALUES (%(deployment)s, %(action)s, %(model)s, %(version)s)

-- name: list_events
-- What happened to a deployment of that name, oldest first.
SELECT at, action, model, version, by FROM fsdb.deployment_events WHERE deployment = %(deployment)s ORDER BY event_id

-- name: using_feature
-- Deployments that look up a feature now, by their current release or their canary.
SELECT DISTINCT d.name FROM fsdb.deployments d
JOIN fsdb.deployment_inputs i ON i.deployment_id = d.deployment_id AND i.release IN (d.release, d.canary_release)
WHERE i.feature_id = %(feature_id)s ORDER BY d.name

-- name: using_set
-- Deployments of which some release looks up a feature set; only those of which a release that scores now does, where asked for.
SELECT DISTINCT d.name FROM fsdb.deployments d
JOIN fsdb.deployment_sets s ON s.deployment_id = d.deployment_id AND (NOT %(current)s OR s.release IN (d.release, d.canary_release))
WHERE s.feature_set = %(feature_set)s ORDER BY d.name

-- name: using_version
-- Deployments of which some release is of a model version in a runtime.
SELECT DISTINCT d.name FROM fsdb.deployments d
JOIN fsdb.deployment_releases r ON r.deployment_id = d.deployment_id
WHERE d.model = %(model)s AND r.version = %(version)s AND r.runtime = %(runtime)s ORDER BY d.name
