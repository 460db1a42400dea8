-- name: record
-- Adds a line about what this session does.
SELECT fsdb.record_operation(%(operation)s, %(object)s, %(details)s)

-- name: recorded
-- Whether the catalog has the record: it came with revision 0004.
SELECT pg_catalog.to_regprocedure('fsdb.record_operation(text, text, jsonb)') IS NOT NULL

-- name: entries
-- What was recorded, newest first.
SELECT at, by, role, application, operation, object, details FROM fsdb.audit
WHERE (%(object)s::text IS NULL OR object = %(object)s::text)
  AND (%(operation)s::text IS NULL OR operation = %(operation)s::text)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s::timestamptz)
ORDER BY audit_id DESC LIMIT %(most)s
