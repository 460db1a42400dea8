-- name: create
-- A data frame's rows as they travel, for the time of one transaction's block.
CREATE TEMPORARY TABLE {table} ({columns})

-- name: create_from_query
-- The rows of a user's query, numbered in its order, for the time of one transaction's block.
CREATE TEMPORARY TABLE {table} AS SELECT pg_catalog.row_number() OVER () AS ordinal, given.* FROM (
{given}
) AS given ({columns})

-- name: copy
-- Rows as CSV, as pyarrow writes it: NULL is an empty field, every text is quoted.
COPY pg_temp.{table} FROM STDIN (FORMAT csv, ENCODING 'UTF8')

-- name: rows
-- The data frame's rows in their order.
SELECT {expressions} FROM pg_temp.{table} AS staged ORDER BY staged.ordinal

-- name: instant
-- Microseconds since 1970 as a time; in whole days first, because an interval times a number is computed as double precision.
'epoch'::{type} OPERATOR(pg_catalog.+) (({value} OPERATOR(pg_catalog./) 86400000000) OPERATOR(pg_catalog.*) interval '24 hours')
    OPERATOR(pg_catalog.+) (({value} OPERATOR(pg_catalog.%) 86400000000) OPERATOR(pg_catalog.*) interval '1 microsecond')

-- name: day
'1970-01-01'::pg_catalog.date OPERATOR(pg_catalog.+) {value}

-- name: drop
-- The rows have arrived where they belong.
DROP TABLE pg_temp.{table}
