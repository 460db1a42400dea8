-- name: tail
-- What is not in the copy. The first condition is a range of the primary key; the second says exactly which of its versions.
{version}.version_id > {floor} AND NOT ({version}.version_id <= {restored}
    OR {version}.version_id <= {high} AND pg_visible_in_snapshot({version}.xid, {snapshot}::pg_snapshot))
