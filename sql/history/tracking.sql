-- name: table
-- A relation with what decides whether it can be tracked.
SELECT c.oid, c.relkind::text AS kind, c.relpersistence::text AS persistence, c.relispartition AS is_partition,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid) AS inherits,
       ARRAY(SELECT wanted.name FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRIGGER']) wanted(name)
             WHERE NOT pg_catalog.has_table_privilege(c.oid, wanted.name)) AS lacking
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- name: columns
-- Columns of a table in order. A collation is named only where it is not the type's own.
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       a.attgenerated <> '' AS generated, coalesce(l.collisdeterministic, true) AS deterministic
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: unique_keys
-- Unique indexes of a table that can serve as its key, and those that cannot, the primary key first.
SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(attnum, position)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.position <= i.indnkeyatts ORDER BY k.position) AS columns,
       i.indisprimary AS is_primary, i.indimmediate AS immediate
FROM pg_catalog.pg_index i
WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indisprimary DESC, i.indexrelid

-- name: bad_times
-- Rows of a table without an event time, or with an infinite one.
SELECT count(*) FROM {live} l WHERE {time} IS NULL OR NOT isfinite({time})

-- name: collation
-- The collation of a column, where it is not the type's own.
SELECT n.nspname, l.collname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
WHERE s.nspname = %(schema)s AND c.relname = %(table)s AND a.attname = %(column)s AND a.attcollation <> t.typcollation

-- name: isolation
-- The isolation level of the transaction.
SELECT current_setting('transaction_isolation')
