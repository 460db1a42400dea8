-- name: list_window_sets
-- Sets whose features are computed from events, in order of name; only those named where names are given.
SELECT s.name, s.schema_name, s.description, s.tags, s.owner, s.created_at, w.events, w.ends_before, w.step
FROM fsdb.window_sets AS w JOIN fsdb.feature_sets AS s ON s.name = w.feature_set
WHERE %(names)s::text[] IS NULL OR s.name = ANY (%(names)s::text[])
ORDER BY s.name

-- name: list_window_keys
-- Which column of history holds each key of the named sets.
SELECT k.feature_set, k.name, f.history_column
FROM fsdb.window_keys AS k JOIN fsdb.features AS f USING (feature_id)
WHERE k.feature_set = ANY (%(names)s)

-- name: list_windows
-- What the features of the named sets compute, dropped ones too.
SELECT f.feature_set, f.feature_id, f.history_column AS name, w.function, c.history_column AS column_name, w.width, w.condition, w.tree
FROM fsdb.features AS f JOIN fsdb.windows AS w USING (feature_id) LEFT JOIN fsdb.features AS c ON c.feature_id = w.column_id
WHERE f.feature_set = ANY (%(names)s)

-- name: insert_set
-- Registers a set that has no tables of its own.
INSERT INTO fsdb.feature_sets (name, schema_name, tracked, description, tags, owner)
VALUES (%(name)s, %(schema_name)s, false, %(description)s, %(tags)s, %(owner)s)

-- name: insert_window_set
-- Registers of which events it is computed.
INSERT INTO fsdb.window_sets (feature_set, events, ends_before, step) VALUES (%(name)s, %(events)s, %(ends_before)s, %(step)s)

-- name: insert_window_keys
-- Registers which columns of the events hold the keys.
INSERT INTO fsdb.window_keys (feature_set, name, feature_id) SELECT %(name)s, * FROM unnest(%(keys)s::text[], %(columns)s::integer[])

-- name: insert_windows
-- Registers what features compute.
INSERT INTO fsdb.windows (feature_id, function, column_id, width, condition, tree)
SELECT * FROM unnest(%(features)s::integer[], %(functions)s::text[], %(columns)s::integer[], %(widths)s::bigint[], %(conditions)s::text[], %(trees)s::jsonb[])

-- name: update_set
-- Changes what describes a set.
UPDATE fsdb.feature_sets SET description = %(description)s, tags = %(tags)s, owner = %(owner)s WHERE name = %(name)s

-- name: reading
-- Window sets that read an event table.
SELECT feature_set FROM fsdb.window_sets WHERE events = %(events)s ORDER BY feature_set

-- name: events_of
-- The event table that a window set reads.
SELECT events FROM fsdb.window_sets WHERE feature_set = %(name)s

-- name: update_condition
-- A condition as it is written since a column was renamed.
UPDATE fsdb.windows SET condition = %(condition)s WHERE feature_id = %(feature_id)s
