-- name: settings
-- What decides how values print; undone when the reading is over. Compiling wide target lists costs more than it saves.
SELECT set_config('extra_float_digits', '1', true), set_config('datestyle', 'ISO, YMD', true), set_config('timezone', 'UTC', true),
       set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true), set_config('jit', 'off', true)

-- name: copy
-- Rows as CSV.
COPY (
    SELECT {expressions}
    {source}
) TO STDOUT (FORMAT csv, ENCODING 'UTF8')

-- name: as_is
{value}

-- name: instant
(extract(epoch FROM {value}) OPERATOR(pg_catalog.*) 1000000)::bigint

-- name: day
{value} OPERATOR(pg_catalog.-) '1970-01-01'::pg_catalog.date

-- name: unicode
-- Binary rows hold texts in the session's encoding; undone with the settings.
SELECT set_config('client_encoding', 'UTF8', true)

-- name: copy_binary
-- Rows as PostgreSQL's own bytes.
COPY (SELECT {expressions} {source}) TO STDOUT (FORMAT binary)
