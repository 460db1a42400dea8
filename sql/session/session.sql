-- name: backend
-- The server process that answers, and the search path that the session has.
SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('search_path')

-- name: pin
-- The search path of fsdb's own statements for the rest of the transaction, and the one that there was.
SELECT s.former, pg_catalog.set_config('search_path', %(path)s, true) FROM (SELECT pg_catalog.current_setting('search_path') AS former OFFSET 0) s

-- name: set_path
-- Another search path for the rest of the transaction.
SELECT pg_catalog.set_config('search_path', %(path)s, true)

-- name: patient
-- The session is not ended for waiting: an operation of fsdb may compute for long in a transaction, and connections are kept for the next call.
SELECT pg_catalog.set_config(s.name, '0', false)
FROM pg_catalog.unnest(ARRAY['idle_in_transaction_session_timeout', 'idle_session_timeout']) AS s(name)
WHERE pg_catalog.current_setting(s.name) <> '0'
