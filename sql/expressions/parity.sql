-- name: rows
-- The value of an expression for each of given rows, as the bytes that the server would send, or as text.
SELECT {sent}
FROM ROWS FROM ({columns}) WITH ORDINALITY AS given ({names}, position)
ORDER BY given.position

-- name: column
-- The values of an input, as text.
pg_catalog.unnest({values}::pg_catalog.text[])

-- name: sent
-- The bytes of a value.
pg_catalog.{send}({value})

-- name: text
-- A numeric or a text as it is.
({value})::pg_catalog.text
