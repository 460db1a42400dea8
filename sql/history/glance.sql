-- name: digests
-- What each set is compiled from: its definition, as far as it counts, and the code.
SELECT s.name AS feature_set, md5(ROW(%(code)s::text, s.schema_name, s.live_schema, s.live_table, s.history_table, s.event_time_column, s.event_time_rule, s.tracked,
           extract(epoch FROM s.max_age), extract(epoch FROM s.ahead), s.retention IS NOT NULL OR s.reach IS NOT NULL,
           ARRAY(SELECT ROW(k.name, k.type)::text FROM fsdb.feature_set_keys AS k WHERE k.feature_set = s.name ORDER BY k.position),
           ARRAY(SELECT ROW(f.feature_id, f.position, f.name, f.type, f.history_column, f.default_value, f.dropped_at IS NULL)::text
                 FROM fsdb.features AS f WHERE f.feature_set = s.name ORDER BY f.position, f.feature_id))::text) AS digest
FROM fsdb.feature_sets AS s
WHERE %(names)s::text[] IS NULL OR s.name = ANY (%(names)s::text[])

-- name: keep
-- Keeps what a set is compiled to.
WITH compiled AS ({digests})
INSERT INTO fsdb.generated_objects (feature_set, position, kind, name, place, local_name, mark, source_digest, compiled_from)
SELECT c.feature_set, given.position, given.kind, given.name, given.place, given.local_name, given.mark, md5(given.source), c.digest
FROM compiled AS c,
     unnest(%(kinds)s::text[], %(shown)s::text[], %(places)s::text[], %(local_names)s::text[], %(marks)s::text[], %(sources)s::text[])
     WITH ORDINALITY AS given (kind, name, place, local_name, mark, source, position)
ON CONFLICT (feature_set, position) DO UPDATE
SET kind = excluded.kind, name = excluded.name, place = excluded.place, local_name = excluded.local_name, mark = excluded.mark,
    source_digest = excluded.source_digest, compiled_from = excluded.compiled_from

-- name: forget
-- Lets go of what a set was compiled to once and is no more.
DELETE FROM fsdb.generated_objects WHERE feature_set = %(feature_set)s AND position > %(most)s

-- name: sound
-- The sets of which the history table and every generated object are as they were compiled, from what the catalog says now; with the objects' kinds and names.
WITH compiled AS MATERIALIZED ({digests}), functions AS MATERIALIZED (
    SELECT n.nspname AS schema, p.proname AS name, p.oid, md5(p.prosrc) AS digest
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname IN (SELECT g.place FROM fsdb.generated_objects AS g WHERE g.kind = 'function')
), there AS (
    SELECT g.feature_set, g.position, g.source_digest = f.digest AND d.description = g.mark AS holds
    FROM fsdb.generated_objects AS g
    JOIN functions AS f ON f.schema = g.place AND f.name = g.local_name
    LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = f.oid AND d.classoid = 'pg_catalog.pg_proc'::regclass AND d.objsubid = 0
    WHERE g.kind = 'function'
    UNION ALL
    SELECT g.feature_set, g.position, t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal AND d.description = g.mark
    FROM fsdb.generated_objects AS g
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = to_regclass(g.place) AND t.tgname = g.local_name
    LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = t.oid AND d.classoid = 'pg_catalog.pg_trigger'::regclass AND d.objsubid = 0
    WHERE g.kind = 'trigger'
    UNION ALL
    SELECT g.feature_set, g.position, c.relrowsecurity AND NOT c.relforcerowsecurity AND p.polpermissive AND p.polcmd = 'r' AND p.polroles = '{{0}}'
           AND d.description = g.mark
    FROM fsdb.generated_objects AS g
    JOIN pg_catalog.pg_policy AS p ON p.polrelid = to_regclass(g.place) AND p.polname = g.local_name
    JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
    LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_policy'::regclass AND d.objsubid = 0
    WHERE g.kind = 'policy'
    UNION ALL
    SELECT g.feature_set, g.position, c.relkind = 'v' AND d.description = g.mark
    FROM fsdb.generated_objects AS g
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = g.place
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = g.local_name
    LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
    WHERE g.kind = 'view'
), counted AS MATERIALIZED (
    SELECT t.feature_set, count(*) AS found, bool_and(coalesce(t.holds, false)) AS hold FROM there AS t GROUP BY t.feature_set
), wanted AS MATERIALIZED (
    SELECT g.feature_set, count(*) AS objects, bool_and(g.compiled_from = c.digest) AS current,
           array_agg(g.kind ORDER BY g.position) AS kinds, array_agg(g.name ORDER BY g.position) AS names
    FROM fsdb.generated_objects AS g JOIN compiled AS c ON c.feature_set = g.feature_set GROUP BY g.feature_set
)
SELECT s.name, s.live_schema, s.live_table, s.history_table, s.tracked, w.kinds, w.names
FROM fsdb.feature_sets AS s
JOIN wanted AS w ON w.feature_set = s.name AND w.current
JOIN counted AS c ON c.feature_set = s.name AND c.found = w.objects AND c.hold
JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'fsdb_history'
JOIN pg_catalog.pg_class AS h ON h.relnamespace = n.oid AND h.relname = s.history_table AND h.relkind = 'r'
ORDER BY s.name
