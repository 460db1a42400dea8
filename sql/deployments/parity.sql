-- name: outputs
-- What the compiled model gives for the rows that a version is checked on: those that the native model takes, or one of them.
SELECT c.position, r.* FROM fsdb.model_checks AS c CROSS JOIN LATERAL {call} AS r
WHERE c.model = %(model)s AND c.version = %(version)s
  AND CASE WHEN %(position)s::int IS NULL THEN NOT c.refused ELSE c.position = %(position)s END

-- name: functions
-- Which of some functions are there, in their order.
SELECT n.name FROM pg_catalog.unnest(%(names)s::text[]) WITH ORDINALITY AS n (name, place)
WHERE EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
              WHERE s.nspname = %(schema)s AND p.proname = n.name)
ORDER BY n.place

-- name: input
-- An input of a check row, which is kept as text.
c.inputs[{position}]

-- name: pin_search_path
-- Functions of models are written for this search path.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)
