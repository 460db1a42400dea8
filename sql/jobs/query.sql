-- name: owner
-- The role that owns a set's live table, whether this session may act as it, and the role that it acts as now.
SELECT pg_get_userbyid(c.relowner)::text,
       pg_has_role(session_user, c.relowner, CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END),
       current_setting('role')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: act
-- Another role for the rest of the transaction, or until the next.
SELECT set_config('role', %(role)s, true)

-- name: path
-- The search path as it is.
SELECT current_setting('search_path')

-- name: set_path
-- Another search path for the rest of the transaction, or until the next.
SELECT set_config('search_path', %(path)s, true)

-- name: zone
-- The session's time zone.
SELECT current_setting('TimeZone')

-- name: set_zone
-- Another time zone for the rest of the transaction, or until the next.
SELECT set_config('TimeZone', %(zone)s, true)

-- name: setting
-- A moment that a setting holds.
pg_catalog.current_setting({name})::pg_catalog.timestamptz

-- name: view
-- The query as a view, which takes one SELECT that changes nothing. Nothing of it runs.
CREATE TEMPORARY VIEW {view} AS
{given}

-- name: columns
-- The columns of the view with their types.
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %(view)s::regclass AND attnum > 0 ORDER BY attnum

-- name: probe
-- Holds the query against the rights of its role; it gives no row.
SELECT FROM pg_temp.{view} LIMIT 0

-- name: drop_view
-- The query has been looked at.
DROP VIEW pg_temp.{view}

-- name: shown
-- The query as PostgreSQL reads it.
SELECT pg_get_viewdef(%(view)s::regclass)

-- name: unsteady
-- What the query, or a view that it reads, calls and gives another answer each time: the clock, and functions marked volatile.
WITH RECURSIVE views (oid) AS (
    SELECT %(view)s::regclass::oid
    UNION
    SELECT c.oid FROM views v JOIN pg_rewrite w ON w.ev_class = v.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'v'
), queries (text) AS (
    SELECT w.ev_action::text FROM views v JOIN pg_rewrite w ON w.ev_class = v.oid
)
SELECT true AS clock, 'CURRENT_TIMESTAMP' FROM queries q WHERE q.text ~ '\{{SQLVALUEFUNCTION :op [0-8] '
UNION ALL
SELECT p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'timeofday', 'age'),
       p.proname || '()'
FROM queries q CROSS JOIN LATERAL fsdb.called_functions(q.text) f (oid) JOIN pg_proc p ON p.oid = f.oid
WHERE p.provolatile = 'v' OR (p.pronamespace = 'pg_catalog'::regnamespace AND (
    p.proname IN ('now', 'transaction_timestamp', 'statement_timestamp') OR (p.proname = 'age' AND p.pronargs = 1 AND p.proargtypes[0] IN ('timestamptz'::regtype, 'timestamp'::regtype))))
LIMIT 1

-- name: foreign
-- Code of others that would run with the rights of the query's role.
SELECT f.what, f.relation_name, f.function_name, f.owner::text FROM fsdb.foreign_code(%(view)s::regclass, %(role)s, false) f LIMIT 1

-- name: reads
-- The feature sets that the query reads: their live tables or history, also by views and by functions that were bound when they were made.
WITH RECURSIVE used (class, oid) AS (
    SELECT 'pg_class'::regclass::oid, %(view)s::regclass::oid
    UNION
    SELECT d.refclassid, d.refobjid FROM used u
    LEFT JOIN pg_rewrite w ON u.class = 'pg_class'::regclass AND w.ev_class = u.oid
    JOIN pg_depend d ON (d.classid, d.objid) = (CASE WHEN w.oid IS NULL THEN u.class ELSE 'pg_rewrite'::regclass::oid END, coalesce(w.oid, u.oid))
    WHERE (u.class = 'pg_proc'::regclass OR w.oid IS NOT NULL) AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
)
SELECT DISTINCT s.name FROM used u
JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.oid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN fsdb.feature_sets s ON (n.nspname, c.relname) IN ((s.live_schema, s.live_table), ('fsdb_history', s.history_table))
ORDER BY s.name

-- name: function
-- The query as a function that runs as the role that acts now, and can become no other; it changes nothing.
CREATE FUNCTION pg_temp.{function}(timestamptz, timestamptz) RETURNS TABLE ({columns})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET timezone FROM CURRENT AS {body}

-- name: grant
-- Whoever has the session may call it.
GRANT EXECUTE ON FUNCTION pg_temp.{function}(timestamptz, timestamptz) TO PUBLIC

-- name: rows
-- The rows of a slot; what has no event time of its own holds from the slot's end.
SELECT {columns} FROM pg_temp.{function}({since}, {until}) AS given

-- name: drop_function
-- The rows have arrived.
DROP FUNCTION pg_temp.{function}(timestamptz, timestamptz)
