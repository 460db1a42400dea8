-- name: as_of_function
-- What a window set computes for one entity at a moment.
CREATE OR REPLACE FUNCTION {function}({parameters}) RETURNS TABLE ({types}) LANGUAGE sql STABLE AS {body}

-- name: as_of_body
-- One row, always.
SELECT {columns}
FROM (
    {computed}
) AS version

-- name: index
-- Finds the events of one entity in a window, and what a correction of one replaced.
CREATE INDEX IF NOT EXISTS {index} ON {history} ({columns})

-- name: drop_index
-- No window set finds events by these columns any more.
DROP INDEX IF EXISTS {index}

-- name: function
-- The function of that signature: its source and its mark, where it is there.
SELECT p.prosrc AS source, obj_description(p.oid, 'pg_proc') AS mark
FROM pg_proc AS p WHERE p.oid = to_regprocedure(%(signature)s)
