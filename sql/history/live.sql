-- name: relations
-- The relation that bears the name of a set's live table, and the tables that bear its triggers, with what decides whether
-- history can follow them. The writer is the role whose rights the set's triggers have: the owner of its history.
WITH writer AS (
    SELECT r.oid, r.rolname, r.rolsuper OR r.rolbypassrls AS sees_all
    FROM pg_catalog.pg_roles r
    WHERE r.oid = coalesce((SELECT h.relowner FROM pg_catalog.pg_class h WHERE h.oid = pg_catalog.to_regclass(%(history)s)),
                           (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = current_user))
), bearers AS (
    SELECT DISTINCT t.tgrelid AS oid
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_trigger t ON t.tgfoid = p.oid
    WHERE p.oid = pg_catalog.to_regprocedure(%(function)s)
)
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
       (n.nspname, c.relname) = (%(schema)s, %(name)s) AS named, c.oid IN (SELECT b.oid FROM bearers b) AS bears,
       EXISTS (SELECT FROM fsdb.live_columns k WHERE k.feature_set = %(feature_set)s AND k.relation = c.oid) AS remembered,
       c.relispartition AS is_partition,
       (SELECT i.inhparent::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid LIMIT 1) AS parent,
       (SELECT i.inhrelid::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid LIMIT 1) AS child,
       o.rolname::text AS owner, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned, current_user::text AS asker,
       w.rolname::text AS writer,
       c.relrowsecurity AND NOT w.sees_all AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(w.oid, c.relowner, 'USAGE')) AS hidden,
       (SELECT u.subname::text FROM pg_catalog.pg_subscription_rel s JOIN pg_catalog.pg_subscription u ON u.oid = s.srsubid
        WHERE s.srrelid = c.oid AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_subscription_rel h WHERE h.srrelid = pg_catalog.to_regclass(%(history)s)) LIMIT 1) AS subscription,
       (SELECT t.tgname::text FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3 AND t.tgtype & 20 > 0
              AND t.tgname::text COLLATE "C" > '~fsdb_' AND p.pronamespace <> 'fsdb_history'::regnamespace LIMIT 1) AS later_trigger,
       (SELECT r.rulename::text FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.is_instead AND r.ev_type <> '1' LIMIT 1) AS rule
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles o ON o.oid = c.relowner CROSS JOIN writer w
WHERE (n.nspname, c.relname) = (%(schema)s, %(name)s) OR c.oid IN (SELECT b.oid FROM bearers b)

-- name: plain
-- Of the named sets, or of all, those whose live tables are plainly as they are needed: there, under their names, with the set's triggers,
-- and nothing about them that `relations`, `columns` and `unique_keys` would have to be asked for. One statement for hundreds of sets.
WITH sets AS MATERIALIZED (
    SELECT s.name, s.history_table, s.tracked, s.event_time_column, c.oid AS live
    FROM fsdb.feature_sets s
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.live_schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.live_table
    WHERE (%(names)s::text[] IS NULL OR s.name = ANY (%(names)s::text[]))
      AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AND NOT c.relhassubclass
      AND NOT c.relrowsecurity AND NOT c.relhasrules
), borne AS MATERIALIZED (
    SELECT p.proname AS function, min(t.tgrelid) AS first, max(t.tgrelid) AS last
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'fsdb_history'::regnamespace AND p.pronargs = 0 AND p.proname LIKE '%%:inserted'
    GROUP BY p.proname
), wanted AS (
    SELECT k.feature_set, k.name, k.type, true AS is_key FROM fsdb.feature_set_keys k
    UNION ALL
    SELECT f.feature_set, f.name, f.type, false FROM fsdb.features f WHERE f.dropped_at IS NULL
    UNION ALL
    SELECT s.name, s.event_time_column, 'timestamp with time zone', false FROM sets s WHERE s.event_time_column IS NOT NULL
), columns AS MATERIALIZED (
    SELECT w.feature_set,
           bool_and(a.attnum IS NOT NULL AND a.attgenerated = '' AND pg_catalog.format_type(a.atttypid, a.atttypmod) = w.type
                    AND (NOT w.is_key OR a.attnotnull AND coalesce(l.collisdeterministic, true))) AS fit
    FROM sets s JOIN wanted w ON w.feature_set = s.name
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = s.live AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    GROUP BY w.feature_set
), renamed AS MATERIALIZED (
    SELECT DISTINCT c.feature_set
    FROM fsdb.live_columns c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.relation AND a.attnum = c.number
    WHERE a.attname <> c.name
)
SELECT s.name
FROM sets s
JOIN borne b ON b.function = s.history_table || ':inserted' AND b.first = s.live AND b.last = s.live
JOIN columns w ON w.feature_set = s.name AND w.fit
WHERE s.name NOT IN (SELECT r.feature_set FROM renamed r)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE s.live = i.inhrelid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel r WHERE r.srrelid = s.live)
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
      WHERE t.tgrelid = s.live AND NOT t.tgisinternal AND t.tgname::text COLLATE "C" > '~fsdb_' AND p.pronamespace <> 'fsdb_history'::regnamespace)
  AND EXISTS (
      SELECT FROM pg_catalog.pg_index i
      WHERE i.indrelid = s.live AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY(SELECT a.attname::text COLLATE "C" FROM unnest(i.indkey) WITH ORDINALITY k(attnum, position)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                  WHERE k.position <= i.indnkeyatts ORDER BY 1)
            = ARRAY(SELECT k.name COLLATE "C" FROM fsdb.feature_set_keys k WHERE k.feature_set = s.name ORDER BY 1))

-- name: columns
-- Columns of a table in order, and the name that a column of that number had when the set was compiled.
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       a.attgenerated <> '' AS generated, coalesce(l.collisdeterministic, true) AS deterministic,
       (SELECT c.name FROM fsdb.live_columns c
        WHERE c.feature_set = %(feature_set)s AND c.relation = a.attrelid AND c.number = a.attnum
        ORDER BY c.name = a.attname DESC LIMIT 1) AS former
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

-- name: forget_columns
-- Forgets the numbers of columns that a set needs no more.
DELETE FROM fsdb.live_columns WHERE feature_set = %(feature_set)s AND name <> ALL (%(names)s::text[])

-- name: remember_columns
-- Keeps which columns a set's triggers were compiled for, by their numbers: so a column that is renamed later is found again, and
-- one that takes the name of another is known. In a restored database the numbers begin anew.
INSERT INTO fsdb.live_columns (feature_set, name, relation, number)
SELECT %(feature_set)s, a.attname, a.attrelid, a.attnum
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = pg_catalog.to_regclass(%(live)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (%(names)s::text[])
ON CONFLICT (feature_set, name) DO UPDATE SET relation = excluded.relation, number = excluded.number
WHERE live_columns.relation <> excluded.relation
