-- name: backend
-- The server process that answers.
SELECT pg_catalog.pg_backend_pid()

-- name: patient
-- The session is not ended for waiting: an operation of fsdb may compute for long in a transaction, and connections are kept for the next call.
SELECT pg_catalog.set_config(s.name, '0', false)
FROM pg_catalog.unnest(ARRAY['idle_in_transaction_session_timeout', 'idle_session_timeout']) AS s(name)
WHERE pg_catalog.current_setting(s.name) <> '0'
