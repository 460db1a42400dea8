-- name: list_sets
-- Registered feature sets that have tables, in order of name; only those named where names are given.
SELECT name, schema_name, live_schema, live_table, history_table, event_time_column, event_time_rule, tracked,
       extract(epoch FROM max_age)::float8 AS max_age_seconds, extract(epoch FROM retention)::float8 AS retention_seconds,
       extract(epoch FROM ahead)::float8 AS ahead_seconds, reach,
       happens_column AS happens, description, tags, owner, created_at
FROM fsdb.feature_sets
WHERE history_table IS NOT NULL AND (%(names)s::text[] IS NULL OR name = ANY (%(names)s::text[]))
ORDER BY name

-- name: list_keys
-- Key columns of the named sets in order.
SELECT feature_set, name, type FROM fsdb.feature_set_keys WHERE feature_set = ANY (%(names)s) ORDER BY feature_set, position

-- name: list_features
-- Features of the named sets in order, dropped ones too.
SELECT feature_set, feature_id, name, type, history_column, description, tags, owner, default_value, created_at, dropped_at
FROM fsdb.features WHERE feature_set = ANY (%(names)s) ORDER BY feature_set, position, feature_id

-- name: insert_set
-- Registers a set.
INSERT INTO fsdb.feature_sets
    (name, schema_name, live_schema, live_table, history_table, event_time_column, event_time_rule, tracked, max_age, retention, ahead, happens_column, description, tags, owner)
VALUES (%(name)s, %(schema_name)s, %(live_schema)s, %(live_table)s, %(history_table)s, %(event_time_column)s, %(event_time_rule)s, %(tracked)s,
        make_interval(secs => %(max_age_seconds)s), make_interval(secs => %(retention_seconds)s), make_interval(secs => %(ahead_seconds)s), %(happens)s, %(description)s, %(tags)s, %(owner)s)

-- name: insert_keys
-- Registers the key columns of a set in order.
INSERT INTO fsdb.feature_set_keys (feature_set, name, position, type)
SELECT %(feature_set)s, given.name, given.position, given.type
FROM unnest(%(names)s::text[], %(types)s::text[]) WITH ORDINALITY AS given (name, type, position)

-- name: insert_features
-- Registers features at the end of their set, in order: history has its columns in the order of feature_id.
INSERT INTO fsdb.features (feature_set, name, position, type, history_column, description, tags, owner, default_value)
SELECT %(feature_set)s, given.name,
       given.place + (SELECT coalesce(max(f.position), 0) FROM fsdb.features AS f WHERE f.feature_set = %(feature_set)s),
       given.type, given.name, given.description, given.tags, given.owner, given.default_value
FROM ROWS FROM (jsonb_to_recordset(%(features)s::jsonb) AS (name text, type text, description text, tags text[], owner text, default_value text))
     WITH ORDINALITY AS given (name, type, description, tags, owner, default_value, place)
ORDER BY given.place
RETURNING feature_id

-- name: update_set
-- Changes what describes a set.
UPDATE fsdb.feature_sets
SET event_time_rule = %(event_time_rule)s, max_age = make_interval(secs => %(max_age_seconds)s), retention = make_interval(secs => %(retention_seconds)s),
    ahead = make_interval(secs => %(ahead_seconds)s), happens_column = %(happens)s, description = %(description)s, tags = %(tags)s, owner = %(owner)s
WHERE name = %(name)s

-- name: move_set
-- Another name of a tracked table, or of its column of the event time.
UPDATE fsdb.feature_sets SET live_schema = %(live_schema)s, live_table = %(live_table)s, event_time_column = %(event_time)s WHERE name = %(name)s

-- name: rename_feature
-- Another name of a feature, in history, too.
UPDATE fsdb.features SET name = %(name)s, history_column = %(name)s WHERE feature_id = %(feature_id)s

-- name: update_feature
-- Changes what describes a feature, and its type where it was widened.
UPDATE fsdb.features
SET type = %(type)s, description = %(description)s, tags = %(tags)s, owner = %(owner)s, default_value = %(default_value)s
WHERE feature_id = %(feature_id)s

-- name: set_feature_type
-- Changes the type of a feature.
UPDATE fsdb.features SET type = %(type)s WHERE feature_id = %(feature_id)s

-- name: drop_feature
-- Marks a feature dropped; its history stays under the given column.
UPDATE fsdb.features SET dropped_at = clock_timestamp(), history_column = %(history_column)s WHERE feature_id = %(feature_id)s

-- name: restore_feature
-- Takes a dropped feature back under its own name.
UPDATE fsdb.features SET dropped_at = NULL, history_column = name WHERE feature_id = %(feature_id)s

-- name: delete_set
-- Removes a set from the catalog, with its keys and features.
DELETE FROM fsdb.feature_sets WHERE name = %(name)s
