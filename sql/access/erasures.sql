-- name: insert
-- Leaves the record of an erasure, whose transaction this is.
INSERT INTO fsdb.erasures (operation, feature_set, entities, why, counts)
VALUES (%(operation)s, %(feature_set)s, %(entities)s, %(why)s, %(counts)s) RETURNING erasure_id

-- name: insert_versions
-- Which versions it took out.
INSERT INTO fsdb.erased_versions (erasure_id, feature_set, versions)
SELECT %(erasure)s, %(feature_set)s, coalesce(range_agg(int8range(v, v, '[]')), '{{}}') FROM unnest(%(versions)s::bigint[]) v

-- name: insert_predictions
-- Which predictions it took out, or made impossible to replay.
INSERT INTO fsdb.erased_predictions (erasure_id, deployment, predictions)
SELECT %(erasure)s, %(deployment)s, coalesce(range_agg(int8range(p, p, '[]')), '{{}}') FROM unnest(%(predictions)s::bigint[]) p

-- name: insert_training_set
-- A saved training set that cannot be verified any more.
INSERT INTO fsdb.erased_training_sets (erasure_id, training_set, rows) VALUES (%(erasure)s, %(training_set)s, %(rows)s)

-- name: insert_files
-- Files that are to be written anew.
INSERT INTO fsdb.erasure_files (erasure_id, feature_set, history_table) VALUES (%(erasure)s, %(feature_set)s, %(history_table)s)

-- name: pending
-- Sets whose files are still to be written anew, and what their folders are called after; only that one where it is named.
SELECT DISTINCT feature_set, history_table FROM fsdb.erasure_files
WHERE %(feature_set)s::text IS NULL OR feature_set = %(feature_set)s::text ORDER BY 1

-- name: finished
-- The files of a set are as they should be.
DELETE FROM fsdb.erasure_files WHERE feature_set = %(feature_set)s

-- name: pending_versions
-- The versions that are to leave a set's files.
SELECT lower(r), upper(r) FROM fsdb.erasure_files f JOIN fsdb.erased_versions v USING (erasure_id, feature_set) CROSS JOIN unnest(v.versions) r
WHERE f.feature_set = %(feature_set)s

-- name: of_training_set
-- The erasures that took something of a saved training set, and how many rows of its spine. A set that was saved under the name later is another.
SELECT e.erasure_id, e.at, e.operation, e.feature_set, e.why, t.rows
FROM fsdb.erased_training_sets t JOIN fsdb.erasures e USING (erasure_id) JOIN fsdb.training_sets s ON s.name = t.training_set
WHERE t.training_set = %(name)s AND e.at >= s.created_at ORDER BY e.erasure_id

-- name: of_prediction
-- The erasure that a prediction went with, or versions of it.
SELECT e.erasure_id, e.at, e.operation, e.feature_set, e.why, 0::bigint
FROM fsdb.erased_predictions p JOIN fsdb.erasures e USING (erasure_id)
WHERE p.deployment = %(deployment)s AND p.predictions @> %(prediction)s::bigint ORDER BY e.erasure_id

-- name: since
-- Erasures of these sets that a snapshot does not see.
SELECT e.erasure_id, e.at, e.operation, e.feature_set, e.why, 0::bigint FROM fsdb.erasures e
WHERE e.feature_set = ANY (%(feature_sets)s) AND NOT pg_visible_in_snapshot(e.xid, %(snapshot)s::pg_snapshot)
  AND e.xid IS DISTINCT FROM %(own)s::text::xid8 ORDER BY e.erasure_id
