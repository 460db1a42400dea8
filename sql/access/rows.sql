-- name: seen_function
-- Whether the caller sees a live row with these keys: its own rights and policies on the live table decide, at the snapshot of its query.
CREATE OR REPLACE FUNCTION {function}({types}) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 AS {body}

-- name: seen_body
BEGIN
    RETURN EXISTS (SELECT FROM {live} AS l WHERE {same_key});
END

-- name: same_key
{l_key} OPERATOR(pg_catalog.=) {position}

-- name: policy
-- Who may read which versions: all, whom no policy of the live table binds; the others all versions of those entities of which they see
-- the live row. Permissive policies that others wrote for a role take the place of this one.
ALTER TABLE {history} ENABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS {policy} ON {history};
CREATE POLICY {policy} ON {history} FOR SELECT USING (
    (SELECT fsdb.all_versions({history_name}::pg_catalog.regclass, {live_schema}, {live_table}))
    OR ((SELECT NOT fsdb.policy_of_history({history_name}::pg_catalog.regclass, false)) AND {seen}({keys})))

-- name: state
-- Whether a history table's row security is on as it should be, and the mark of fsdb's policy on it.
SELECT pg_catalog.obj_description(p.oid, 'pg_policy') AS mark,
       c.relrowsecurity AND NOT c.relforcerowsecurity AND p.polpermissive AND p.polcmd = 'r' AND p.polroles = '{{0}}' AS holds
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND p.polname = %(policy)s

-- name: hiding
-- Of some feature sets those of which the session's user does not see all versions, and who that is.
SELECT given.name, current_user::text FROM unnest(%(sets)s::text[]) WITH ORDINALITY AS given(name, place)
WHERE NOT fsdb.sees_all_versions(given.name) ORDER BY given.place
