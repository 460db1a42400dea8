-- name: check_default
-- Fails where the text is no value of the type.
SELECT CAST(%(default)s::text AS {type})

-- name: count_lost
-- How many values of a column, past and present, would not be the same in a narrower type; a value out of its range fails.
SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND CAST(CAST({column} AS {new_type}) AS {old_type}) IS DISTINCT FROM {column}
