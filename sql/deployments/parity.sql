-- name: outputs
-- What the compiled model gives for the rows that a version is checked on: those that the native model takes, or one of them.
SELECT c.position, r.* FROM fsdb.model_checks AS c CROSS JOIN LATERAL {call} AS r
WHERE c.model = %(model)s AND c.version = %(version)s
  AND CASE WHEN %(position)s::int IS NULL THEN NOT c.refused ELSE c.position = %(position)s END
ORDER BY c.position

-- name: input
-- An input of a check row, which is kept as text.
c.inputs[{position}]

-- name: pin_search_path
-- Functions of models are written for this search path.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)
