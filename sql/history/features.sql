-- name: add_column
-- A column, empty in every row that is there.
ALTER TABLE {table} ADD COLUMN {column} {type}

-- name: drop_column
-- A live table's column; its past stays in history.
ALTER TABLE {table} DROP COLUMN {column}

-- name: rename_column
-- A column of history under another name.
ALTER TABLE {table} RENAME COLUMN {column} TO {new_column}

-- name: change_type
-- A column in another type that holds the same values.
ALTER TABLE {table} ALTER COLUMN {column} TYPE {type} USING {column}::{type}

-- name: restore_live
-- The live values of a restored feature: what the newest versions carry.
UPDATE {live} l SET {column} = newest.value
FROM (SELECT DISTINCT ON ({h_keys}) {h_keys}, {h_column} AS value FROM {history} h
      ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC) newest
WHERE {same_key} AND newest.value IS NOT NULL

-- name: correct_newest
-- Versions for rows of a tracked table whose newest version lacks what a column that became a feature holds: corrections,
-- with the same event_time.
SELECT {write}(array_agg(chunk.version))
FROM (SELECT ROW({version})::{history} AS version, (row_number() OVER () - 1) / 10000 AS chunk
      FROM {live} l CROSS JOIN LATERAL
           (SELECT h.* FROM {history} h WHERE {same_key} ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1) newest
      WHERE record_image_ne(ROW({l_features}), ROW({newest_features}))) chunk
GROUP BY chunk.chunk ORDER BY chunk.chunk

-- name: grants
-- Who may do what with a view or function, besides its owner. No row where nothing was ever granted or revoked; a row without
-- privilege where nobody else has a right.
SELECT acl.grantee = 0 AS everyone, pg_catalog.pg_get_userbyid(acl.grantee) AS grantee, acl.privilege_type AS privilege, acl.is_grantable AS grantable
FROM (SELECT c.relacl AS acl, c.relowner AS owner FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(view)s)
      UNION ALL
      SELECT p.proacl, p.proowner FROM pg_catalog.pg_proc p WHERE p.oid = pg_catalog.to_regprocedure(%(function)s)) object
LEFT JOIN LATERAL pg_catalog.aclexplode(object.acl) acl ON acl.grantee <> object.owner
WHERE object.acl IS NOT NULL

-- name: revoke_all
-- Takes from everyone what a new function gives.
REVOKE ALL ON {object} FROM PUBLIC

-- name: grant
-- Gives a right back.
GRANT {privilege} ON {object} TO {grantee} {option}
