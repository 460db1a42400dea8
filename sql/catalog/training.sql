-- name: list_views
-- Training views with their features, in order of name; only those named where names are given.
SELECT v.name, v.spine, v.timestamp_column, v.label, v.description, v.tags, v.owner,
       ARRAY(SELECT one.reference FROM (
                 SELECT f.feature_set || '.' || f.name, m.position FROM fsdb.training_view_features AS m JOIN fsdb.features AS f USING (feature_id)
                 WHERE m.training_view = v.name
                 UNION ALL SELECT e.expression, e.position FROM fsdb.training_view_expressions AS e WHERE e.training_view = v.name
             ) AS one (reference, position) ORDER BY one.position) AS features
FROM fsdb.training_views AS v
WHERE %(names)s::text[] IS NULL OR v.name = ANY (%(names)s::text[])
ORDER BY v.name

-- name: put_view
-- Registers a training view, or writes its definition anew.
INSERT INTO fsdb.training_views (name, schema_name, spine, timestamp_column, label, description, tags, owner)
VALUES (%(name)s, %(schema_name)s, %(spine)s, %(timestamp_column)s, %(label)s, %(description)s, %(tags)s, %(owner)s)
ON CONFLICT (name) DO UPDATE SET spine = excluded.spine, timestamp_column = excluded.timestamp_column, label = excluded.label,
    description = excluded.description, tags = excluded.tags, owner = excluded.owner

-- name: delete_view_features
-- Takes all features out of a view.
DELETE FROM fsdb.training_view_features WHERE training_view = %(name)s

-- name: insert_view_features
-- Puts features into a view, in order; NULL stands in the place of an expression.
INSERT INTO fsdb.training_view_features (training_view, position, feature_id)
SELECT %(name)s, given.position, given.feature_id
FROM unnest(%(feature_ids)s::integer[]) WITH ORDINALITY AS given (feature_id, position) WHERE given.feature_id IS NOT NULL

-- name: delete_view_expressions
-- Takes all expressions out of a view.
DELETE FROM fsdb.training_view_expressions WHERE training_view = %(name)s

-- name: insert_view_expressions
-- Puts expressions into a view, in order; NULL stands in the place of a feature.
INSERT INTO fsdb.training_view_expressions (training_view, position, expression)
SELECT %(name)s, given.position, given.expression
FROM unnest(%(expressions)s::text[]) WITH ORDINALITY AS given (expression, position) WHERE given.expression IS NOT NULL

-- name: delete_view
-- Removes a view from the catalog.
DELETE FROM fsdb.training_views WHERE name = %(name)s

-- name: views_using
-- Training views that a feature is in.
SELECT training_view FROM fsdb.training_view_features WHERE feature_id = %(feature_id)s
UNION
SELECT e.training_view FROM fsdb.training_view_expressions AS e JOIN fsdb.expression_inputs AS i USING (expression) WHERE i.feature_id = %(feature_id)s
ORDER BY training_view

-- name: views_of_sets
-- Training views that have a feature of one of these sets.
SELECT m.training_view FROM fsdb.training_view_features AS m JOIN fsdb.features AS f USING (feature_id)
WHERE f.feature_set = ANY (%(names)s)
UNION
SELECT e.training_view FROM fsdb.training_view_expressions AS e JOIN fsdb.expression_inputs AS i USING (expression)
JOIN fsdb.features AS f USING (feature_id) WHERE f.feature_set = ANY (%(names)s)
ORDER BY training_view

-- name: insert_set
-- Registers a saved training set.
INSERT INTO fsdb.training_sets (name, training_view, spine, timestamp_column, label, known, known_at, snapshot, own_xid, engine, row_count, late_values, content_hash)
VALUES (%(name)s, %(training_view)s, %(spine)s, %(timestamp_column)s, %(label)s, %(known)s, %(known_at)s, %(snapshot)s::pg_snapshot, %(own_xid)s::bigint::text::xid8,
        %(engine)s, %(row_count)s, %(late_values)s, %(content_hash)s)

-- name: insert_set_columns
-- Registers the columns of a saved training set in order.
INSERT INTO fsdb.training_set_columns (training_set, position, name, type, feature_id, default_value, content_hash, tree, hidden)
SELECT %(training_set)s, given.position, given.name, given.type, given.feature_id, given.default_value, given.content_hash, given.tree, given.hidden
FROM unnest(%(names)s::text[], %(types)s::text[], %(feature_ids)s::integer[], %(default_values)s::text[], %(content_hashes)s::text[],
            %(trees)s::jsonb[], %(hidden)s::boolean[])
     WITH ORDINALITY AS given (name, type, feature_id, default_value, content_hash, tree, hidden, position)

-- name: insert_set_snapshot
-- Keeps how far a feature set's versions had been counted, and its max_age.
INSERT INTO fsdb.training_set_snapshots (training_set, feature_set, high_version, restored_version, max_age)
VALUES (%(training_set)s, %(feature_set)s, %(high_version)s, %(restored_version)s, make_interval(secs => %(max_age_seconds)s))

-- name: list_sets
-- Saved training sets, in order of name; only those named where names are given.
SELECT name, training_view, spine, timestamp_column, label, known, known_at, snapshot::text AS snapshot, own_xid::text::bigint AS own_xid, engine, row_count, late_values,
       content_hash, created_at
FROM fsdb.training_sets WHERE %(names)s::text[] IS NULL OR name = ANY (%(names)s::text[]) ORDER BY name

-- name: list_set_columns
-- The columns of a saved training set in order.
SELECT name, type, feature_id, default_value, content_hash, tree, hidden FROM fsdb.training_set_columns WHERE training_set = %(name)s ORDER BY position

-- name: list_set_snapshots
-- Every feature set that there was when a training set was built, with its max_age then.
SELECT feature_set, high_version, restored_version, extract(epoch FROM max_age)::float8 AS max_age_seconds
FROM fsdb.training_set_snapshots WHERE training_set = %(name)s

-- name: sets_of_features
-- The feature sets that features belong to.
SELECT DISTINCT feature_set FROM fsdb.features WHERE feature_id = ANY (%(feature_ids)s)

-- name: delete_set
-- Removes a saved training set from the catalog.
DELETE FROM fsdb.training_sets WHERE name = %(name)s
