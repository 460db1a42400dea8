-- name: reaches
-- The sets of which versions have left, the one that reaches back least first.
SELECT name, reach FROM fsdb.feature_sets WHERE name = ANY (%(sets)s) AND reach IS NOT NULL ORDER BY reach DESC, name

-- name: begins_before
-- Whether a spine has a row before a moment; NULL for a spine without rows.
SELECT min({timestamp}) < %(moment)s FROM {relation}
