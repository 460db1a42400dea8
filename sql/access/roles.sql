-- name: list
-- The five roles, as they are called in the cluster, and whether they are there.
SELECT r.role, r.rolname, p.oid IS NOT NULL AS exists
FROM fsdb.roles r LEFT JOIN pg_catalog.pg_roles p ON p.rolname = r.rolname::name
ORDER BY array_position(ARRAY['reader', 'writer', 'scorer', 'deployer', 'admin'], r.role)

-- name: owner
-- Who owns the catalog, whether that is a superuser, and whether this user has its rights.
SELECT o.rolname::text, o.rolsuper, pg_has_role(o.oid, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
WHERE c.oid = 'fsdb.feature_sets'::regclass

-- name: members
-- Who is in which of the roles, directly or through another role, and who has a role's rights for themselves.
SELECT r.role, m.rolname::text AS member, 'member of ' || r.rolname AS how, NULL::text AS target
FROM fsdb.roles r JOIN pg_catalog.pg_roles p ON p.rolname = r.rolname::name
JOIN pg_catalog.pg_auth_members a ON a.roleid = p.oid JOIN pg_catalog.pg_roles m ON m.oid = a.member
WHERE m.oid <> (SELECT relowner FROM pg_class WHERE oid = 'fsdb.feature_sets'::regclass)
  AND (current_setting('server_version_num')::integer < 160000 OR pg_has_role(m.oid, p.oid, 'USAGE'))
UNION
SELECT g.role, g.grantee, CASE WHEN p.oid IS NULL THEN 'gone: no such user in this cluster' ELSE 'granted' END, nullif(g.target, '')
FROM fsdb.grants g LEFT JOIN pg_catalog.pg_roles p ON p.oid = g.grantee_oid AND p.rolname = g.grantee::name
ORDER BY 1, 2, 4 NULLS FIRST

-- name: user
-- A user or group of the cluster.
SELECT p.oid::bigint, p.rolsuper FROM pg_catalog.pg_roles p WHERE p.rolname = %(name)s::name

-- name: known_users
-- The users and groups of the cluster.
SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1

-- name: may_add_members
-- Whether this user may put others into a role.
SELECT pg_has_role(p.oid, 'MEMBER WITH ADMIN OPTION')
       OR (current_setting('server_version_num')::integer < 160000 AND NOT p.rolsuper AND (SELECT u.rolcreaterole FROM pg_catalog.pg_roles u WHERE u.rolname = current_user))
FROM pg_catalog.pg_roles p WHERE p.rolname = %(name)s::name

-- name: is_member
-- Whether a role is a member of another, directly or through others.
SELECT pg_has_role(m.oid, p.oid, 'MEMBER') FROM pg_catalog.pg_roles m, pg_catalog.pg_roles p
WHERE m.rolname = %(member)s::name AND p.rolname = %(role)s::name

-- name: may_make
-- Whether this user may make roles.
SELECT rolcreaterole OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user

-- name: create
-- A role that nobody logs in as.
CREATE ROLE {role} NOLOGIN

-- name: join
-- Makes a role a member of another.
GRANT {role} TO {member}

-- name: leave
-- Takes a role out of another.
REVOKE {role} FROM {member}

-- name: note
-- Notes whom a role's rights were given to.
INSERT INTO fsdb.grants (role, grantee, grantee_oid, target) VALUES (%(role)s, %(grantee)s, %(number)s, %(target)s)
ON CONFLICT (role, grantee, target) DO UPDATE SET grantee_oid = excluded.grantee_oid, granted_at = excluded.granted_at, by = excluded.by

-- name: forget
-- Notes that they were taken away; tells whose and for what.
DELETE FROM fsdb.grants WHERE role = %(role)s AND grantee = %(grantee)s AND (%(target)s::text IS NULL OR target = %(target)s)
RETURNING grantee_oid::bigint, nullif(target, '')

-- name: rename
-- What a role is called from now on.
UPDATE fsdb.roles SET rolname = %(rolname)s WHERE role = %(role)s

-- name: targets
-- What a role may be limited to.
SELECT name FROM fsdb.feature_sets WHERE %(role)s = 'writer' AND name = %(target)s
UNION ALL SELECT name FROM fsdb.deployments WHERE %(role)s = 'scorer' AND name = %(target)s
UNION ALL SELECT nspname::text FROM pg_catalog.pg_namespace WHERE %(role)s = 'deployer' AND nspname = %(target)s AND nspname !~ '^(pg_|fsdb|information_schema$)'

-- name: acts_as
-- The role that this user makes things as: an admin as the catalog's owner, so that all of it belongs to one role; a deployer as the role that
-- all deployers are in. Nothing for others, and for a superuser.
WITH me AS (
    SELECT u.rolsuper, o.oid AS owner, o.rolname AS owner_name, pg_has_role(o.oid, 'USAGE') AS rules,
           CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END AS becomes
    FROM pg_catalog.pg_roles u, pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
    WHERE u.rolname = current_user AND c.oid = to_regclass('fsdb.feature_sets')
)
SELECT p.rolname::text, current_setting('role')
FROM me JOIN pg_catalog.pg_roles p ON CASE WHEN me.rules THEN p.oid = me.owner
    ELSE p.rolname = (SELECT r.rolname::name FROM fsdb.roles r WHERE r.role = 'deployer') AND pg_has_role(p.oid, 'USAGE') END
WHERE NOT me.rolsuper AND NOT p.rolsuper AND p.rolname <> current_user AND pg_has_role(session_user, p.oid, me.becomes)

-- name: act
-- Acts as a role until the transaction ends, or as another one is named.
SELECT set_config('role', %(role)s, true)

-- name: owns
-- Whose a table is, and whether this user has that role's rights; nothing where it is gone.
SELECT pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
