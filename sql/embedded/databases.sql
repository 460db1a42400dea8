-- name: exists
-- Whether the server has a database of that name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %(name)s)

-- name: create
-- Makes a database.
CREATE DATABASE {database}
