-- name: put_model
-- Registers a model, or changes what describes it where something is given.
INSERT INTO fsdb.models AS m (name, description, tags, owner) VALUES (%(name)s, %(description)s, %(tags)s, %(owner)s)
ON CONFLICT (name) DO UPDATE
SET description = coalesce(nullif(excluded.description, ''), m.description),
    tags = coalesce(nullif(excluded.tags, '{{}}'), m.tags),
    owner = coalesce(nullif(excluded.owner, ''), m.owner)

-- name: insert_version
-- Registers the next version of a model.
INSERT INTO fsdb.model_versions
    (model, version, estimator, framework, framework_version, prediction_type, classes, checksum, training_set,
     training_set_hash, rows_checked, largest_difference, packages, fsdb_version, source)
VALUES (%(model)s, %(version)s, %(estimator)s, %(framework)s, %(framework_version)s, %(prediction_type)s, %(classes)s,
        %(checksum)s, %(training_set)s, %(training_set_hash)s, %(rows_checked)s, %(largest_difference)s,
        %(packages)s, %(fsdb_version)s, %(source)s)

-- name: next_version
-- The number that the next version of a model will have.
SELECT coalesce(max(version), 0) + 1 FROM fsdb.model_versions WHERE model = %(model)s

-- name: insert_input
-- Registers an input of a version.
INSERT INTO fsdb.model_inputs (model, version, position, name, type, feature_id, feature, frame_type)
VALUES (%(model)s, %(version)s, %(position)s, %(name)s, %(type)s, %(feature_id)s, %(feature)s, %(frame_type)s)

-- name: insert_metric
-- Registers a metric of a version.
INSERT INTO fsdb.model_metrics (model, version, name, value) VALUES (%(model)s, %(version)s, %(name)s, %(value)s)

-- name: insert_program
-- Stores the program of a version.
INSERT INTO fsdb.model_programs (model, version, program) VALUES (%(model)s, %(version)s, %(program)s)

-- name: insert_check
-- Stores a row with what the native predict gave for it.
INSERT INTO fsdb.model_checks (model, version, position, inputs, refused, prediction, probability, probabilities)
VALUES (%(model)s, %(version)s, %(position)s, %(inputs)s, %(refused)s, %(prediction)s, %(probability)s, %(probabilities)s)

-- name: list_checks
-- The rows that a version is checked on.
SELECT position, inputs, refused, prediction, probability, probabilities FROM fsdb.model_checks
WHERE model = %(model)s AND version = %(version)s ORDER BY position

-- name: list_models
-- Names of the registered models.
SELECT name FROM fsdb.models ORDER BY name

-- name: list_versions
-- Versions of a model (of all models where none is named), oldest first.
SELECT v.model, v.version, v.estimator, v.framework, v.framework_version, v.prediction_type, v.classes, v.checksum,
       v.training_set, v.training_set_hash, v.rows_checked, v.largest_difference, v.created_at, v.created_by,
       v.packages, v.fsdb_version, v.source
FROM fsdb.model_versions v
WHERE %(model)s::text IS NULL OR v.model = %(model)s::text
ORDER BY v.model, v.version

-- name: list_inputs
-- Signatures of the versions of a model (of all models where none is named), in order.
SELECT model, version, name, type, feature_id, feature, frame_type FROM fsdb.model_inputs
WHERE %(model)s::text IS NULL OR model = %(model)s::text
ORDER BY model, version, position

-- name: list_metrics
-- Metrics of the versions of a model (of all models where none is named).
SELECT model, version, name, value FROM fsdb.model_metrics
WHERE %(model)s::text IS NULL OR model = %(model)s::text
ORDER BY model, version, name

-- name: get_program
-- The program of a version.
SELECT program FROM fsdb.model_programs WHERE model = %(model)s AND version = %(version)s

-- name: insert_report
-- Keeps that a version was compared with the native predict and passed.
INSERT INTO fsdb.parity_reports (model, version, runtime, deployment, rows_checked, rows_refused, largest_difference, tolerance)
SELECT %(model)s, %(version)s, %(runtime)s, %(deployment)s, %(rows_checked)s, count(*) FILTER (WHERE c.refused),
       %(largest_difference)s, %(tolerance)s
FROM fsdb.model_checks c WHERE c.model = %(model)s AND c.version = %(version)s

-- name: get_card
-- What stands about a version elsewhere: of its model, its stage, its training set, the rows that it was checked on.
SELECT m.description, m.tags, m.owner, s.stage, t.row_count AS training_rows, t.training_view, t.label,
       (SELECT count(*) FROM fsdb.model_checks c WHERE (c.model, c.version) = (v.model, v.version) AND c.refused) AS rows_refused
FROM fsdb.model_versions v
JOIN fsdb.models m ON m.name = v.model
JOIN fsdb.model_stages s ON (s.model, s.version) = (v.model, v.version)
LEFT JOIN fsdb.training_sets t ON t.name = v.training_set
WHERE v.model = %(model)s AND v.version = %(version)s

-- name: list_card_deployments
-- Where a version scores now, or has scored.
SELECT DISTINCT ON (d.name, role) d.name, r.runtime, r.reason,
       CASE WHEN r.release = d.release THEN coalesce(f.role, 'live') WHEN r.release = d.canary_release THEN 'canary' ELSE 'past' END AS role
FROM fsdb.deployments d
JOIN fsdb.deployment_releases r USING (deployment_id)
LEFT JOIN fsdb.deployment_feeds f USING (deployment_id)
WHERE d.model = %(model)s AND r.version = %(version)s
ORDER BY d.name, role, r.release DESC

-- name: list_reports
-- How a version compared with the native predict before each deployment took it up, the last time for each runtime.
SELECT * FROM (
    SELECT DISTINCT ON (deployment, runtime) deployment, runtime, at, rows_checked, rows_refused, largest_difference, tolerance
    FROM fsdb.parity_reports WHERE model = %(model)s AND version = %(version)s
    ORDER BY deployment, runtime, report_id DESC
) AS newest ORDER BY at
