-- name: view
-- A training view's rows: those of its spine, in which every feature is as of the row's own moment. Whoever reads it needs the
-- rights on the tables of the spine and on history, and row security of both binds the reader.
CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS
SELECT {columns}
FROM (SELECT {given} FROM (
{spine}
) AS given) AS spine
{lookups}

-- name: vector
-- What a model would be given for one entity now. Inlined into the query that calls it.
CREATE OR REPLACE FUNCTION {function} ({parameters}) RETURNS TABLE ({columns}, found boolean)
LANGUAGE sql STABLE ROWS 1 AS {body}

-- name: vector_body
-- clock_timestamp() is volatile: what stands beside it is no constant to the planner, which computes nothing with it in advance.
SELECT {values}, {found}
FROM (SELECT {moment}) AS moment
{lookups}

-- name: existing
-- What bears the names of a training view's objects: the view, then functions, with their marks, sources and signatures.
SELECT 'view' AS kind, format('%%I.%%I', n.nspname, c.relname) AS signature, c.relkind::text AS source, obj_description(c.oid, 'pg_class') AS mark
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(view)s
UNION ALL
SELECT 'function', p.oid::regprocedure::text, p.prosrc, obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = %(schema)s AND p.proname = %(function)s

-- name: view_grants
-- Who but the owner may do what with a view.
SELECT coalesce(r.rolname, '') AS grantee, a.privilege_type, a.is_grantable
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee
WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND a.grantee <> c.relowner

-- name: function_grants
-- Who but the owner may call a function; EXECUTE for PUBLIC too, which is the rule where nothing was said.
SELECT coalesce(r.rolname, '') AS grantee, a.privilege_type, a.is_grantable
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace,
     aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee
WHERE n.nspname = %(schema)s AND p.proname = %(name)s AND a.grantee <> p.proowner

-- name: grant
-- Gives a right back.
GRANT {privilege} ON {kind} {signature} TO {grantee}

-- name: grantable
-- Gives a right back, with the right to pass it on.
GRANT {privilege} ON {kind} {signature} TO {grantee} WITH GRANT OPTION

-- name: revoke_public
-- Takes back what everybody has by default.
REVOKE ALL ON FUNCTION {signature} FROM PUBLIC

-- name: drop
-- Removes an object whose signature PostgreSQL gave.
DROP {kind} {signature}
