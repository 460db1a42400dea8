-- name: create
-- A database in which nothing of anybody's can be hurt.
CREATE DATABASE {database}

-- name: drop
-- What was measured is kept elsewhere.
DROP DATABASE IF EXISTS {database} WITH (FORCE)
