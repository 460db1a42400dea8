-- Row security of history tables. Each has one policy of fsdb's, fsdb_versions, which asks these functions once a query. They run as whoever
-- reads, who may have no right on
-- schema fsdb and any search path: they name nothing outside of pg_catalog, and name that.

CREATE FUNCTION fsdb.policy_of_history(history regclass, restrictive boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 AS $$
BEGIN
    PERFORM FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid OPERATOR(pg_catalog.=) history AND p.polname OPERATOR(pg_catalog.<>) 'fsdb_versions'
        AND p.polcmd OPERATOR(pg_catalog.=) ANY (ARRAY['r', '*']::pg_catalog."char"[])
        AND p.polpermissive OPERATOR(pg_catalog.<>) restrictive
        AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS bound(role)
                    WHERE bound.role OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(bound.role, 'USAGE'));
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION fsdb.policy_of_history TO PUBLIC;
COMMENT ON FUNCTION fsdb.policy_of_history IS 'Whether a policy that somebody wrote on a history table applies to the caller. Permissive ones take the place of fsdb''s own.';

-- Takes the names as SQL writes them: a schema's, and a table's with its schema. A single vector asks it, too: so it calls functions where it can, and queries the catalog for what is not as usual.
CREATE FUNCTION fsdb.all_versions(history regclass, live_schema text, live_table text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 AS $$
DECLARE
    live pg_catalog.oid;
BEGIN
    -- Mostly there is no other policy than fsdb's; to ask whom one is for costs as much again.
    PERFORM FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid OPERATOR(pg_catalog.=) history AND p.polname OPERATOR(pg_catalog.<>) 'fsdb_versions';
    IF FOUND THEN
        PERFORM FROM pg_catalog.pg_policy AS p
        WHERE p.polrelid OPERATOR(pg_catalog.=) history AND p.polname OPERATOR(pg_catalog.<>) 'fsdb_versions'
            AND p.polcmd OPERATOR(pg_catalog.=) ANY (ARRAY['r', '*']::pg_catalog."char"[]) AND p.polpermissive
            AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) AS bound(role)
                        WHERE bound.role OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR pg_catalog.pg_has_role(bound.role, 'USAGE'));
        IF FOUND THEN
            RETURN false;
        END IF;
    END IF;
    IF pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(live_schema), 'USAGE') THEN
        live := pg_catalog.to_regclass(live_table);
    ELSE
        SELECT c.oid INTO live FROM pg_catalog.pg_class AS c
        WHERE c.relname OPERATOR(pg_catalog.=) (pg_catalog.parse_ident(live_table))[2]::pg_catalog.name
            AND c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace(live_schema)::pg_catalog.oid;
    END IF;
    IF live IS NULL THEN
        -- Renamed, it still bears the triggers that write history.
        SELECT t.tgrelid INTO live FROM pg_catalog.pg_class AS h
        JOIN pg_catalog.pg_proc AS p ON p.pronamespace OPERATOR(pg_catalog.=) h.relnamespace
            AND p.proname OPERATOR(pg_catalog.=) pg_catalog.concat(h.relname, ':inserted')::pg_catalog.name
        JOIN pg_catalog.pg_trigger AS t ON t.tgfoid OPERATOR(pg_catalog.=) p.oid
        WHERE h.oid OPERATOR(pg_catalog.=) history LIMIT 1;
    END IF;
    IF live IS NULL THEN
        RAISE EXCEPTION 'fsdb: table % is gone, and its policies said what % may read of its history', live_table, current_user
            USING ERRCODE = 'undefined_table', HINT = 'fsdb upgrade makes a live table again from its history; make its policies again, too.';
    END IF;
    RETURN NOT pg_catalog.row_security_active(live);
END
$$;
GRANT EXECUTE ON FUNCTION fsdb.all_versions TO PUBLIC;
COMMENT ON FUNCTION fsdb.all_versions IS 'Whether fsdb''s policy on a history table shows the caller every version: no row security of the live table binds it, and nobody wrote a policy on history for it.';

-- Of sets that are not there, and of those whose history is not: nothing can be hidden.
CREATE FUNCTION fsdb.sees_all_versions(feature_set text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    SELECT h.oid::regclass AS history, s.live_schema, s.live_table INTO found
    FROM fsdb.feature_sets s JOIN pg_class h ON h.relname = s.history_table
    JOIN pg_namespace n ON n.oid = h.relnamespace AND n.nspname = 'fsdb_history'
    WHERE s.name = feature_set;
    IF found.history IS NULL OR NOT row_security_active(found.history::oid) THEN
        RETURN true;
    END IF;
    RETURN fsdb.all_versions(found.history, quote_ident(found.live_schema), format('%I.%I', found.live_schema, found.live_table)) AND NOT fsdb.policy_of_history(found.history, true);
END
$$;
GRANT EXECUTE ON FUNCTION fsdb.sees_all_versions TO PUBLIC;
COMMENT ON FUNCTION fsdb.sees_all_versions IS 'Whether the caller sees every version of a feature set. Who does not, reads the rows of some entities alone, and from PostgreSQL alone.';

-- Asked by functions that run with their owner's rights, where row_security_active would tell of the owner.
CREATE FUNCTION fsdb.policies_bind(live_table text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls OR (pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity))
            FROM pg_class c JOIN pg_roles r ON r.rolname = fsdb.acting_role() WHERE c.oid = to_regclass(live_table));
END
$$;
REVOKE ALL ON FUNCTION fsdb.policies_bind FROM PUBLIC;
COMMENT ON FUNCTION fsdb.policies_bind IS 'Whether row security of a table binds the role that the session acts as, also inside functions that run with their owner''s rights.';
