-- name: as_of
-- A set at a moment that history reaches back to.
FROM {function}({moment})

-- name: entities
-- Every key that a set ever had.
FROM (SELECT DISTINCT {keys} FROM {history}) AS entity ORDER BY {keys}

-- name: versions
-- Versions by number.
FROM {history} WHERE version_id = ANY ({ids}::bigint[])
