-- name: earliest
-- From when on a feature set has versions, as text in UTC, and whether that is after a moment. Asked where it matched nothing, so that all
-- of it may be read for that.
SELECT pg_catalog.to_char(min(event_time) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), min(event_time) > %(latest)s::timestamptz
FROM {history} WHERE NOT deleted
