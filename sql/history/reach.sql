-- name: reach
-- The reach of a set as this statement sees it.
SELECT reach FROM fsdb.feature_sets WHERE name = %(name)s

-- name: bounded
-- The reach is looked up once a query.
fsdb.within_reach({at}, (SELECT fsdb.reach({name})), {name})
