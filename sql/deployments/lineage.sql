-- name: prediction
-- A prediction with the version that made it.
SELECT prediction::text, model_version, scored_at FROM {table} WHERE prediction_id = %(prediction_id)s

-- name: lineage
-- What it was made from.
SELECT input, value, feature_set, version_id, event_time, recorded_at FROM fsdb.prediction_lineage(%(name)s, %(prediction_id)s)
