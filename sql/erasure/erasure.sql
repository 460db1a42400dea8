-- name: isolation
-- The isolation level of the transaction.
SELECT current_setting('transaction_isolation')

-- name: keep_keys
-- The keys to erase, each once.
CREATE TEMPORARY TABLE {keys_table} ON COMMIT DROP AS SELECT DISTINCT {values} FROM unnest({arrays}) AS given({keys})

-- name: drop_keys
-- They are erased.
DROP TABLE pg_temp.{keys_table}

-- name: keys
-- The keys, for a comparison with a copy.
FROM pg_temp.{keys_table} AS version

-- name: delete_live
-- Takes the live rows away; their trigger writes tombstones, which go with the other versions. It runs under the user's search path.
DELETE FROM {live} l USING pg_temp.{keys_table} k WHERE {l_is_k}

-- name: live_left
-- Live rows that a trigger of the table's own has kept.
SELECT count(*) FROM {live} l JOIN pg_temp.{keys_table} k ON {l_is_k}

-- name: versions
-- The versions of the keys.
SELECT h.version_id FROM {history} h JOIN pg_temp.{keys_table} k ON {h_is_k} ORDER BY h.version_id

-- name: entities
-- How many of the keys history knows.
SELECT count(*) FROM pg_temp.{keys_table} k WHERE EXISTS (SELECT FROM {history} h WHERE {h_is_k})

-- name: dated_after
-- The versions that are dated later than a moment.
SELECT h.version_id FROM {history} h WHERE h.event_time > {moment} ORDER BY h.version_id

-- name: keep_dated_after
-- The entities that such versions are of.
CREATE TEMPORARY TABLE {keys_table} ON COMMIT DROP AS SELECT {h_keys}, min(h.event_time) AS "fsdb:from" FROM {history} h
WHERE h.event_time > {moment} GROUP BY {h_keys}

-- name: count_keys
-- How many they are.
SELECT count(*) FROM pg_temp.{keys_table}

-- name: reads
-- Deployments of which a release has looked a set up, with the column that notes the version.
SELECT DISTINCT d.deployment_id, d.name, d.schema_name, d.table_name, s.version_column
FROM fsdb.deployment_sets s JOIN fsdb.deployments d USING (deployment_id)
WHERE s.feature_set = %(feature_set)s AND to_regclass(format('%%I.%%I', d.schema_name, d.table_name)) IS NOT NULL
ORDER BY 1, 5

-- name: shadows
-- Shadows with the deployments that they stand beside.
SELECT s.deployment_id, s.name, s.schema_name, s.table_name, l.deployment_id, l.name, l.schema_name, l.table_name
FROM fsdb.deployment_feeds f JOIN fsdb.deployments s USING (deployment_id) JOIN fsdb.deployments l ON l.deployment_id = f.shadow_of
WHERE f.role = 'shadow' ORDER BY 1

-- name: attached
-- Tables of applications that these deployments are attached to.
SELECT DISTINCT f.source_schema, f.source_table FROM fsdb.deployment_feeds f
WHERE f.role = 'attached' AND f.deployment_id = ANY (%(deployments)s) ORDER BY 1, 2

-- name: predictions
-- Predictions of the keys.
SELECT p.prediction_id FROM {table} p JOIN pg_temp.{keys_table} k ON {p_is_k}

-- name: predictions_from
-- Predictions that were made from versions.
SELECT p.prediction_id FROM {table} p WHERE p.{version_column} = ANY (%(versions)s)

-- name: shadowed
-- Predictions of the live deployment that rows of its shadow are of.
SELECT p.of_prediction FROM {table} p WHERE p.prediction_id = ANY (%(predictions)s) AND p.of_prediction IS NOT NULL

-- name: shadowing
-- Rows of a shadow that are of predictions of the live deployment.
SELECT p.prediction_id FROM {table} p WHERE p.of_prediction = ANY (%(predictions)s)

-- name: delete_predictions
-- Takes predictions away. It runs under the user's search path.
DELETE FROM {table} p WHERE p.prediction_id OPERATOR(pg_catalog.=) ANY (%(predictions)s)

-- name: delete_queued
-- Takes them out of the queue of workers.
DELETE FROM fsdb.scoring_queue q WHERE q.deployment_id = %(deployment_id)s AND q.prediction_id = ANY (%(predictions)s)

-- name: delete_dead
-- Takes them out of those that could not be scored, with what was said of each.
DELETE FROM fsdb.scoring_dead_letters q WHERE q.deployment_id = %(deployment_id)s AND q.prediction_id = ANY (%(predictions)s)

-- name: saved
-- Saved training sets that read a set.
SELECT DISTINCT c.training_set FROM fsdb.training_set_columns c JOIN fsdb.features f USING (feature_id)
WHERE f.feature_set = %(feature_set)s AND to_regclass(format('fsdb_training.%%I', c.training_set)) IS NOT NULL ORDER BY 1

-- name: delete_spine
-- Takes the rows of the keys out of a saved spine.
DELETE FROM {spine} s USING pg_temp.{keys_table} k WHERE {s_is_k}

-- name: close_ranks
-- Numbers the rows of a saved spine without gaps, below zero: none of these is taken.
UPDATE {spine} s SET {ordinal} = -n.place
FROM (SELECT r.{ordinal} AS was, row_number() OVER (ORDER BY r.{ordinal}) AS place FROM {spine} r) n WHERE s.{ordinal} = n.was

-- name: open_ranks
-- And above zero again.
UPDATE {spine} s SET {ordinal} = -s.{ordinal}

-- name: spine_reads
-- Rows of a saved spine whose moment is not before that of a version which is to go.
SELECT count(*) FROM {spine} s JOIN pg_temp.{keys_table} k ON {s_is_k} WHERE s.{timestamp}::timestamptz >= k."fsdb:from"

-- name: others
-- Feature sets with the same keys.
SELECT s.name FROM fsdb.feature_sets s
WHERE s.name <> %(feature_set)s
  AND ARRAY(SELECT k.name FROM fsdb.feature_set_keys k WHERE k.feature_set = s.name ORDER BY k.name)
    = ARRAY(SELECT k.name FROM fsdb.feature_set_keys k WHERE k.feature_set = %(feature_set)s ORDER BY k.name)
ORDER BY 1

-- name: analyze
-- The planner's statistics quote values; they are taken anew, from what is left.
ANALYZE {table}

-- name: copied
-- Whether a set has, or is being given, a copy.
SELECT EXISTS (SELECT FROM fsdb.copies WHERE feature_set = %(feature_set)s)

-- name: feeds
-- Triggers of a live table by which attached tables are scored again, where this role may switch them off.
SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.oid = to_regclass(%(live)s) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND p.pronamespace = to_regnamespace('fsdb_models')
  AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1
