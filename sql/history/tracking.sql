-- name: bad_times
-- Rows of a table without an event time, or with one out of bounds.
SELECT count(*) FROM {live} l WHERE {time} IS NULL OR {time} >= {latest} OR {time} < {earliest}

-- name: collation
-- The collation of a column, where it is not the type's own.
SELECT n.nspname, l.collname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
WHERE s.nspname = %(schema)s AND c.relname = %(table)s AND a.attname = %(column)s AND a.attcollation <> t.typcollation

-- name: isolation
-- The isolation level of the transaction.
SELECT current_setting('transaction_isolation')
