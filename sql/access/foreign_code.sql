-- name: strangers
-- Whether this session can act as fsdb's role, and something in the database belongs to a role that could not act as this one: where nothing does
-- there is no code of others, and no need to look for it. What the server's first superuser owns is not listed there.
SELECT EXISTS (
    SELECT FROM (SELECT DISTINCT d.refobjid AS owner FROM pg_catalog.pg_shdepend d
                 WHERE d.dbid OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
                   AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype OPERATOR(pg_catalog.=) 'o') o
    WHERE NOT fsdb.acts_as(o.owner, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user))
) AND (SELECT pg_catalog.pg_has_role(f.relowner, 'MEMBER') FROM pg_catalog.pg_class f WHERE f.oid OPERATOR(pg_catalog.=) 'fsdb.catalog_version'::pg_catalog.regclass)

-- name: foreign_code
-- What would run with the rights of this session where it writes, reads or deletes from a relation, and belongs to a role that cannot act as it anyway.
SELECT f.what, f.relation_name, f.function_name, f.owner::pg_catalog.text, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text, current_user::pg_catalog.text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
CROSS JOIN LATERAL fsdb.foreign_code(c.oid, current_user, %(writes)s, %(deletes)s) f
WHERE n.nspname OPERATOR(pg_catalog.=) %(schema)s AND c.relname OPERATOR(pg_catalog.=) %(table)s
LIMIT 1

-- name: following
-- Tables whose rows go, or change, with rows of some relations by foreign keys: whose they are, whether this session may lock them, and whether that
-- role could act as this session's anyway.
WITH RECURSIVE following (oid, first) AS (
    SELECT c.oid, true FROM unnest(%(schemas)s::pg_catalog.text[], %(tables)s::pg_catalog.text[]) AS given(schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) given.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) given.name
    UNION
    SELECT k.conrelid, false FROM following f JOIN pg_catalog.pg_constraint k ON k.confrelid OPERATOR(pg_catalog.=) f.oid AND k.contype OPERATOR(pg_catalog.=) 'f'
    WHERE k.confdeltype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::"char"[])
)
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'),
       fsdb.acts_as(c.relowner, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)), current_user::pg_catalog.text
FROM (SELECT DISTINCT f.oid FROM following f WHERE NOT f.first) f
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.oid JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
ORDER BY 1, 2

-- name: schemas
-- fsdb's schemas that belong to a role that cannot act as the one to which the catalog belongs, or as this one where there is no catalog; with that
-- role, and whether there is a catalog.
SELECT n.nspname::pg_catalog.text, pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text, pg_catalog.pg_get_userbyid(coalesce(c.relowner, me.oid))::pg_catalog.text
FROM pg_catalog.pg_namespace n
CROSS JOIN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) me
LEFT JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) 'catalog_version' AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('fsdb')
WHERE n.nspname OPERATOR(pg_catalog.=) ANY (%(schemas)s::pg_catalog.text[])
      AND (NOT pg_catalog.pg_has_role(n.nspowner, coalesce(c.relowner, me.oid), CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END) OR c.relkind OPERATOR(pg_catalog.<>) 'r')
ORDER BY n.nspname

-- name: stranger
-- The role to which the catalog belongs, where neither this role nor the database's owner has said that it may: it could not act as one of them, and no
-- grant option on the database is its own. With this role, the database, and whether this role could act as its owner. Only PostgreSQL's own catalog is asked:
-- nothing of that role has run yet.
SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text, current_user::pg_catalog.text, d.datname::pg_catalog.text,
       pg_catalog.pg_has_role(d.datdba, 'MEMBER')
FROM pg_catalog.pg_class c CROSS JOIN pg_catalog.pg_database d
WHERE c.relname OPERATOR(pg_catalog.=) 'catalog_version' AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('fsdb')
      AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
      AND NOT pg_catalog.pg_has_role(c.relowner, current_user, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END) AND NOT pg_catalog.pg_has_role(c.relowner, d.datdba, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END)
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(d.datacl) a
                      WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND a.is_grantable AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                            AND pg_catalog.pg_has_role(c.relowner, a.grantee, 'USAGE'))

-- name: catalog_is_of
-- The role to which the catalog belongs, and whether it could act as another one.
SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       coalesce((SELECT pg_catalog.pg_has_role(c.relowner, r.oid, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END) FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) %(role)s), false)
FROM pg_catalog.pg_class c
WHERE c.relname OPERATOR(pg_catalog.=) 'catalog_version' AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('fsdb')

-- name: catalog_owner
-- The role to which the catalog belongs, where that one could not act as this one.
SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text, current_user::pg_catalog.text, pg_catalog.pg_has_role(c.relowner, 'MEMBER'),
       pg_catalog.current_setting('role')
FROM pg_catalog.pg_class c
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('fsdb.catalog_version') AND NOT pg_catalog.pg_has_role(c.relowner, current_user, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END)

-- name: act
-- Another role for the rest of the transaction, or until the next.
SELECT pg_catalog.set_config('role', %(role)s, true)

-- name: strange_owners
-- What lies in schemas of fsdb and belongs to a role that cannot act as the catalog's owner; such schemas themselves, too.
WITH catalog AS (SELECT c.relowner AS owner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) 'fsdb.catalog_version'::pg_catalog.regclass),
schemas AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) ANY (%(schemas)s::pg_catalog.text[]))
SELECT pg_catalog.format('%%s of %%I', o.name, pg_catalog.pg_get_userbyid(o.owner)) FROM (
    SELECT pg_catalog.format('schema %%I', s.nspname) AS name, s.nspowner AS owner FROM schemas s
    UNION ALL
    SELECT pg_catalog.format('function %%s', p.oid::pg_catalog.regprocedure), p.proowner FROM schemas s JOIN pg_catalog.pg_proc p ON p.pronamespace OPERATOR(pg_catalog.=) s.oid
    WHERE s.nspname OPERATOR(pg_catalog.<>) 'fsdb_models'
    UNION ALL
    SELECT pg_catalog.format('relation %%s', c.oid::pg_catalog.regclass), c.relowner FROM schemas s JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) s.oid
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S']::"char"[])
) o CROSS JOIN catalog c
WHERE NOT pg_catalog.pg_has_role(o.owner, c.owner, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END)
ORDER BY 1

-- name: unfit_sources
-- Of each attached table that a deployment's triggers write, or read when features change: code of others that would run there with the rights of the
-- deployment's owner. Its rows are then not scored again.
SELECT DISTINCT ON (d.name) d.name, pg_catalog.format('%%s of %%s, of role %%s', x.what, x.relation_name, x.owner)
FROM fsdb.deployment_feeds f JOIN fsdb.deployments d ON d.deployment_id OPERATOR(pg_catalog.=) f.deployment_id
JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', d.schema_name, d.table_name))
CROSS JOIN LATERAL fsdb.foreign_code(pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', f.source_schema, f.source_table)), pg_catalog.pg_get_userbyid(t.relowner),
                                     pg_catalog.cardinality(f.result_columns) OPERATOR(pg_catalog.>) 0) x
WHERE f.active AND f.role OPERATOR(pg_catalog.=) 'attached' AND (f.on_features OR pg_catalog.cardinality(f.result_columns) OPERATOR(pg_catalog.>) 0)
ORDER BY d.name, x.what

-- name: hooked
-- Tables that fsdb's functions write, and code of others that would run there with the rights of the table's owner; and who may make triggers on
-- tables in fsdb's own schemas.
SELECT pg_catalog.format('%%s of %%s, of role %%s', f.what, f.relation_name, f.owner)
FROM (SELECT c.oid, c.relowner FROM pg_catalog.pg_class c
      WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relnamespace OPERATOR(pg_catalog.=) ANY (ARRAY(
          SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) ANY (%(schemas)s::pg_catalog.text[])))
      UNION
      SELECT c.oid, c.relowner FROM fsdb.feature_sets s JOIN pg_catalog.pg_class c
          ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', s.live_schema, s.live_table)) WHERE NOT s.tracked
      UNION
      SELECT c.oid, c.relowner FROM fsdb.deployments d JOIN pg_catalog.pg_class c
          ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', d.schema_name, d.table_name))) t
CROSS JOIN LATERAL fsdb.foreign_code(t.oid, pg_catalog.pg_get_userbyid(t.relowner)) f
UNION
SELECT pg_catalog.format('%%s may make triggers on %%s', CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'everybody' ELSE pg_catalog.format('role %%s', pg_catalog.pg_get_userbyid(a.grantee)) END,
                         c.oid::pg_catalog.regclass)
FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND a.privilege_type OPERATOR(pg_catalog.=) 'TRIGGER' AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
      AND (a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR NOT pg_catalog.pg_has_role(a.grantee, c.relowner, CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END))
      AND c.relnamespace OPERATOR(pg_catalog.=) ANY (ARRAY(
          SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) ANY (%(schemas)s::pg_catalog.text[])))
ORDER BY 1
