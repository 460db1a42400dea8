-- name: views
-- The views that read a set's view, or one another, those that are read first. Left out are those that bear more than a view's query,
-- rights, options and comment, and those that read the set's function, whose columns a view names one by one: they could not be
-- made again as they were.
WITH RECURSIVE readers (oid, depth) AS (
    SELECT r.ev_class, 1
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.ev_class <> d.refobjid
      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = pg_catalog.to_regclass(%(view)s)
    UNION
    SELECT r.ev_class, n.depth + 1
    FROM readers n JOIN pg_catalog.pg_depend d ON d.refobjid = n.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
    WHERE r.ev_class <> n.oid
)
SELECT s.nspname::text AS schema, c.relname::text AS name, pg_catalog.pg_get_viewdef(c.oid) AS definition,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, c.relowner = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = current_user) AS own,
       pg_catalog.array_to_string(c.reloptions, ', ') AS options, pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM (SELECT oid, max(depth) AS depth FROM readers GROUP BY oid) r
JOIN pg_catalog.pg_class c ON c.oid = r.oid AND c.relkind = 'v' JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND (a.attacl IS NOT NULL OR a.atthasdef))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_description x WHERE x.objoid = c.oid AND x.objsubid > 0)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.objid = w.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
                  WHERE w.ev_class = c.oid AND d.refclassid = 'pg_catalog.pg_proc'::regclass
                    AND d.refobjid = pg_catalog.to_regprocedure(%(function)s))
ORDER BY r.depth, s.nspname, c.relname

-- name: drop
-- Takes a view away for a while.
DROP VIEW {view}

-- name: create
-- Makes it again as it was.
CREATE VIEW {view} {options} AS {definition}

-- name: own
-- It belongs to whom it belonged to.
ALTER VIEW {view} OWNER TO {owner}

-- name: comment
-- It says what it said.
COMMENT ON VIEW {view} IS {comment}
