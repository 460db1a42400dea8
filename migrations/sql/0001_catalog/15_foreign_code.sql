-- Code on a table runs with the rights of whoever writes or reads the table: triggers, and the functions that indexes, defaults, generated
-- columns, checks, policies, rules, views, statistics, partition bounds and domains call. Planning a statement is enough for some of it.

CREATE FUNCTION fsdb.acts_as(who oid, executing oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Since PostgreSQL 16 a member need not be able to act as the role, unless it may let itself.
    SELECT pg_has_role(who, executing, CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET, USAGE, MEMBER WITH ADMIN OPTION' END)
        OR who = (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('fsdb.catalog_version'))
           AND pg_has_role(executing, who, 'MEMBER') AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = executing)
$$;
COMMENT ON FUNCTION fsdb.acts_as IS
    'Whether a role could act as another one anyway, so that its code gains nothing by running as that one. A superuser can; and whoever was made a member of fsdb''s own role runs its code.';

CREATE FUNCTION fsdb.called_functions(expression text) RETURNS SETOF oid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (m.found)[1]::oid FROM regexp_matches(expression, ':(?:funcid|aggfnoid|winfnoid) (\d+)', 'g') m(found)
    UNION
    SELECT o.oprcode::oid FROM pg_operator o WHERE o.oid IN (
        SELECT (m.found)[1]::oid FROM regexp_matches(expression, ':opno (\d+)', 'g') m(found)
        UNION ALL
        SELECT n.number::oid FROM regexp_matches(expression, ':opnos \(o ([\d ]+)\)', 'g') m(found) CROSS JOIN regexp_split_to_table((m.found)[1], ' +') n(number)
        WHERE n.number <> '')
$$;
COMMENT ON FUNCTION fsdb.called_functions IS 'The functions that a stored expression calls, as pg_node_tree tells; functions of PostgreSQL itself are not in pg_depend.';

CREATE FUNCTION fsdb.made_types(expression text) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Arrays by what is in them. Values of columns are made already, and enumerations run nothing but casts, as to JSON.
    SELECT DISTINCT t.oid FROM regexp_matches(expression, ':(\w*type|typid|\w*typeid) (\d+)', 'gi') m(found)
    JOIN pg_type a ON a.oid = (m.found)[2]::oid JOIN pg_type t ON t.oid = CASE WHEN a.typelem >= 16384 AND a.typtype = 'b' THEN a.typelem ELSE a.oid END
    WHERE (m.found)[1] <> 'vartype' AND a.oid >= 16384 AND (t.typtype <> 'e' OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.oid AND c.castfunc <> 0))
$$;
COMMENT ON FUNCTION fsdb.made_types IS
    'The types, not PostgreSQL''s own, of which a stored expression makes values: that runs the checks of domains, also inside of rows and arrays.';

CREATE FUNCTION fsdb.harmless(called pg_proc) RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
    -- What takes a type or a function by its number or name does what that one does: input functions (cstring), validators.
    SELECT (called).oid < 16384 AND 2275 <> ALL ((called).proargtypes) AND (called).proname !~ '^pg_input_|_validator$'
           AND ((called).provolatile = 'i' OR (called).provolatile = 's' AND (called).proname !~ '_to_xml' OR (called).proname IN
               ('nextval', 'currval', 'clock_timestamp', 'timeofday', 'random', 'gen_random_uuid', 'uuidv4', 'uuidv7'))
        OR (called).proname = 'owns' AND (called).pronamespace = to_regnamespace('fsdb');
END;
COMMENT ON FUNCTION fsdb.harmless IS 'Whether a function of PostgreSQL or of fsdb does nothing but compute, whoever made the expression that calls it.';

CREATE FUNCTION fsdb.foreign_code(relation regclass, executing name DEFAULT current_user, writes boolean DEFAULT true, deletes boolean DEFAULT false, follows boolean DEFAULT false)
RETURNS TABLE (what text, relation_name text, function_name text, owner name)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE acting AS (
        SELECT r.oid FROM pg_roles r WHERE r.rolname = executing
    ), trusted AS MATERIALIZED (
        SELECT r.oid FROM pg_roles r CROSS JOIN acting a WHERE fsdb.acts_as(r.oid, a.oid)
    ), reached (oid, written, followed) AS (
        SELECT relation::oid, writes, false
        UNION
        SELECT next.oid, next.written, next.followed FROM reached r CROSS JOIN LATERAL (
            -- Children, and partitions.
            SELECT i.inhrelid, r.written, r.followed FROM pg_inherits i WHERE i.inhparent = r.oid
            UNION ALL
            -- Tables that follow what is deleted here or gets another key: their AFTER triggers run as whoever did that.
            SELECT k.conrelid, true, true FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint
            WHERE r.written AND t.tgrelid = r.oid AND t.tgisinternal AND k.contype = 'f' AND k.confrelid = r.oid
                  AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
            UNION ALL
            -- What views, rules and policies read.
            SELECT d.refobjid, r.written, r.followed FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            WHERE w.ev_class = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
            UNION ALL
            SELECT d.refobjid, false, false FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
            WHERE p.polrelid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
        ) next (oid, written, followed)
    ), tables AS (
        SELECT c.oid, c.relkind, c.relowner AS owner, c.relowner IN (SELECT r.oid FROM trusted r) AS trusted, bool_or(r.written) AS written, bool_or(r.followed) AS followed
        FROM reached r JOIN pg_class c ON c.oid = r.oid WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        GROUP BY c.oid, c.relkind, c.relowner
    ), types (relation, oid, parts) AS (
        -- The types of columns, and those that they are made of.
        SELECT t.oid, a.atttypid, 0 FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384
        UNION
        SELECT s.relation, below.oid, s.parts + 1 FROM types s JOIN pg_type y ON y.oid = s.oid CROSS JOIN LATERAL (VALUES (y.typbasetype), (y.typelem)) below (oid)
        WHERE below.oid >= 16384 AND s.parts < 32
    ), expressions (relation, what, expression, author, trusted) AS (
        SELECT t.oid, format('index %I', i.indexrelid::regclass), concat(i.indexprs::text, i.indpred::text), t.owner, t.trusted
        FROM tables t JOIN pg_index i ON i.indrelid = t.oid WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
        UNION ALL
        SELECT t.oid, format('statistics %I', e.stxname), e.stxexprs::text, t.owner, t.trusted
        FROM tables t JOIN pg_statistic_ext e ON e.stxrelid = t.oid WHERE e.stxexprs IS NOT NULL
        UNION ALL
        SELECT t.oid, format('default of column %I', a.attname), d.adbin::text, t.owner, t.trusted
        FROM tables t JOIN pg_attrdef d ON d.adrelid = t.oid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.adnum
        UNION ALL
        SELECT t.oid, format('constraint %I', k.conname), k.conbin::text, t.owner, t.trusted
        FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.conbin IS NOT NULL
        UNION ALL
        SELECT t.oid, 'the partition key', p.partexprs::text, t.owner, t.trusted
        FROM tables t JOIN pg_partitioned_table p ON p.partrelid = t.oid WHERE p.partexprs IS NOT NULL
        UNION ALL
        SELECT t.oid, format('policy %I', p.polname), concat(p.polqual::text, p.polwithcheck::text), t.owner, t.trusted
        FROM tables t JOIN pg_policy p ON p.polrelid = t.oid
        UNION ALL
        SELECT t.oid, CASE WHEN t.relkind IN ('v', 'm') THEN 'its query' ELSE format('rule %I', w.rulename) END, concat(w.ev_qual::text, w.ev_action::text), t.owner, t.trusted
        FROM tables t JOIN pg_rewrite w ON w.ev_class = t.oid WHERE w.ev_enabled <> 'D' AND t.relkind <> 'm'
        UNION ALL
        -- Whoever may make triggers may have written the condition.
        SELECT t.oid, format('the condition of trigger %I', g.tgname), g.tgqual::text, g.function_owner, false
        FROM tables t JOIN (SELECT g.tgrelid, g.tgname, g.tgqual, g.tgtype, f.proowner AS function_owner FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
                            WHERE g.tgqual IS NOT NULL AND g.tgenabled <> 'D') g ON g.tgrelid = t.oid
        WHERE t.written AND (NOT deletes OR t.oid <> relation OR g.tgtype & 8 <> 0)
        UNION ALL
        SELECT s.relation, format('type %s', format_type(s.oid, NULL)), k.conbin::text, y.typowner, y.typowner IN (SELECT r.oid FROM trusted r)
        FROM types s JOIN pg_type y ON y.oid = s.oid JOIN pg_constraint k ON k.contypid = s.oid WHERE k.conbin IS NOT NULL
    ), calls AS (
        SELECT e.relation, e.what, e.author, e.trusted, f.oid AS function, f.proowner AS function_owner,
               fsdb.harmless(f) AS harmless
        FROM expressions e CROSS JOIN LATERAL fsdb.called_functions(e.expression) c (function) JOIN pg_proc f ON f.oid = c.function
    ), found (relation, what, function, owner) AS (
        SELECT t.oid, format('trigger %I', g.tgname), f.oid, f.proowner
        FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid JOIN pg_proc f ON f.oid = g.tgfoid
        WHERE t.written AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND (NOT deletes OR t.oid <> relation OR g.tgtype & 8 <> 0) AND f.proowner NOT IN (SELECT r.oid FROM trusted r)
        UNION ALL
        SELECT c.relation, c.what, c.function, CASE WHEN c.function_owner IN (SELECT r.oid FROM trusted r) THEN c.author ELSE c.function_owner END
        FROM calls c
        WHERE NOT (c.trusted OR c.harmless) OR c.function_owner NOT IN (SELECT r.oid FROM trusted r)
        UNION ALL
        -- Others may make triggers there at any moment: no plan depends on such a table, and it cannot be locked.
        SELECT t.oid, 'the foreign key by which it follows', NULL, t.owner FROM tables t WHERE follows AND t.followed AND NOT t.trusted
        UNION ALL
        SELECT t.oid, 'the right to make triggers', NULL, a.grantee
        FROM tables t JOIN pg_class c ON c.oid = t.oid CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE follows AND t.followed AND a.privilege_type = 'TRIGGER' AND a.grantee NOT IN (SELECT r.oid FROM trusted r)
        UNION ALL
        -- What a query of another's reads, or a type of another's does, is not known.
        SELECT e.relation, e.what, NULL, e.author FROM expressions e WHERE NOT e.trusted AND e.expression ~ '\{(QUERY|SUBLINK|COERCETODOMAIN) '
        UNION ALL
        SELECT e.relation, e.what, NULL, y.typowner FROM expressions e CROSS JOIN LATERAL fsdb.made_types(e.expression) m (oid) JOIN pg_type y ON y.oid = m.oid
        WHERE NOT e.trusted AND y.typowner NOT IN (SELECT r.oid FROM trusted r)
        UNION ALL
        SELECT s.relation, format('type %s', format_type(s.oid, NULL)), NULL, y.typowner FROM types s JOIN pg_type y ON y.oid = s.oid
        WHERE y.typtype NOT IN ('d', 'e') AND y.typelem = 0 AND y.typowner NOT IN (SELECT r.oid FROM trusted r)
    )
    SELECT DISTINCT f.what, f.relation::regclass::text, f.function::regprocedure::text, r.rolname
    FROM found f LEFT JOIN pg_roles r ON r.oid = f.owner
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION fsdb.foreign_code IS
    'What would run with the rights of role executing where it writes a relation (or, with writes => false, reads it, or, with deletes => true, deletes from it), and belongs to a role that cannot act as it anyway. With follows => true also tables of others whose rows follow what is deleted, which may get triggers at any moment. No row is good.';

CREATE FUNCTION fsdb.plainly_own(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What belongs to the server's first superuser is in no row of pg_shdepend, and is trusted.
    IF EXISTS (SELECT FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
               WHERE d.deptype = 'o' AND d.refclassid = 'pg_authid'::regclass AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
                     AND d.refobjid NOT IN (SELECT r.oid FROM pg_roles r WHERE fsdb.acts_as(r.oid, to_regrole(quote_ident(current_user)))))
    THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'r' AND NOT (c.relhassubclass OR c.relhasrules)) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint WHERE t.tgrelid = relation AND k.confrelid = relation) THEN
        RETURN false;
    END IF;
    -- The condition of a trigger may be by whoever had the right to make one.
    RETURN NOT EXISTS (
        SELECT FROM (SELECT string_agg(t.tgqual::text, ' ') AS conditions FROM pg_trigger t WHERE t.tgrelid = relation) t
        WHERE t.conditions ~ '\{(QUERY|SUBLINK|COERCETODOMAIN) '
              OR EXISTS (SELECT FROM fsdb.called_functions(t.conditions) c (number) JOIN pg_proc f ON f.oid = c.number WHERE NOT fsdb.harmless(f)));
END
$$;
COMMENT ON FUNCTION fsdb.plainly_own IS
    'True where a quick look shows that no code of others is on a table: nobody else owns anything in the database that could be it. False says nothing.';

-- Called immutable so that the planner asks once a plan, before it looks at the relation. Whatever changes the relation makes plans anew, so what
-- is asked there is never out of date, and a statement pays nothing for it.
CREATE FUNCTION fsdb.own_code(relation text, purpose text, writes boolean, deletes boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    code record;
BEGIN
    IF fsdb.plainly_own(to_regclass(relation)) THEN
        RETURN true;
    END IF;
    SELECT * INTO code FROM fsdb.foreign_code(to_regclass(relation), current_user, writes, false, deletes) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format(
            'fsdb: %s would run code of role %s as %s: %s of %s%s.', purpose, code.owner, current_user, code.what, code.relation_name,
            coalesce(format(' calls %s', code.function_name), '')),
            HINT = format('Take it away, give it to role %s, or grant that role to %s.', current_user, code.owner);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION fsdb.own_code IS 'True, or an error where code of others on a relation would run with the rights of the caller.';

CREATE FUNCTION fsdb.plain_types(relation text, read text[], written text[], records text DEFAULT NULL, taken text[] DEFAULT NULL, given text[] DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    odd record;
BEGIN
    -- Below domains of what is read lies a type; what is written into a domain runs its checks.
    WITH RECURSIVE below (name, oid) AS (
        SELECT a.attname, a.atttypid FROM pg_attribute a
        WHERE a.attrelid = to_regclass(relation) AND a.attname = ANY (read || written) AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT b.name, t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd' AND b.name <> ALL (written)
    )
    SELECT b.name, format_type(b.oid, NULL) AS type INTO odd FROM below b JOIN pg_type t ON t.oid = b.oid
    WHERE b.oid >= 16384 AND NOT (t.typtype = 'd' AND b.name <> ALL (written)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = format(
            'fsdb: column %I of %s is of type %s now, whose casts may run code of others as %s: make it a type of PostgreSQL''s own again.',
            odd.name, to_regclass(relation), odd.type, current_user);
    END IF;
    IF records IS NULL THEN
        RETURN true;
    END IF;
    -- What assigning would round or cut without an error is refused: whole numbers of another width fit, or fail by themselves.
    WITH RECURSIVE below (place, oid, typmod) AS (
        SELECT p.place, a.atttypid, a.atttypmod FROM unnest(taken) WITH ORDINALITY p(name, place)
        JOIN pg_attribute a ON a.attrelid = to_regclass(relation) AND a.attname = p.name AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT b.place, t.typbasetype, t.typtypmod FROM below b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
    )
    SELECT taken[b.place] AS name, format_type(b.oid, b.typmod) AS type, format_type(r.atttypid, r.atttypmod) AS kept INTO odd
    FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
    JOIN pg_attribute r ON r.attrelid = to_regclass(records) AND r.attname = given[b.place] AND NOT r.attisdropped
    WHERE NOT CASE
        WHEN b.oid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
            THEN r.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'double precision'::regtype)
                 OR r.atttypid = 'numeric'::regtype AND r.atttypmod = -1
        WHEN b.oid = 'real'::regtype THEN r.atttypid IN ('real'::regtype, 'double precision'::regtype)
        WHEN b.oid IN ('text'::regtype, 'character varying'::regtype) THEN r.atttypid IN ('text'::regtype, 'character varying'::regtype)
        ELSE b.oid = r.atttypid AND (r.atttypmod = -1 OR r.atttypmod = b.typmod) END
    ORDER BY b.place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = format(
            'fsdb: column %I of %s is %s now, and %s keeps it as %s: make it %s again, or undeploy the model and attach it again.',
            odd.name, to_regclass(relation), odd.type, to_regclass(records), odd.kept, odd.kept);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION fsdb.plain_types IS
    'True, or an error where one of the columns is of a type that is not PostgreSQL''s own, whose casts and operators could be code of others, or is kept in a table of records, under the names given, in a type that would change its values; domains over such types may be read.';
