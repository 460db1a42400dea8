CREATE TABLE fsdb.audit (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by          text NOT NULL,
    role        text NOT NULL,
    application text NOT NULL,
    operation   text NOT NULL CHECK (operation <> ''),
    object      text NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX audit_by_object ON fsdb.audit (object, audit_id);
COMMENT ON TABLE fsdb.audit IS 'What was done to definitions, models, deployments, copies and rights: who, when, to what. Written in the operation''s own transaction; never changed.';
COMMENT ON COLUMN fsdb.audit.audit_id IS 'The line''s number.';
COMMENT ON COLUMN fsdb.audit.at IS 'When it was done.';
COMMENT ON COLUMN fsdb.audit.by IS 'The user who was connected (session_user).';
COMMENT ON COLUMN fsdb.audit.role IS 'The role that the user had taken on with SET ROLE, else the user.';
COMMENT ON COLUMN fsdb.audit.application IS 'The connection''s application_name, as the client gave it.';
COMMENT ON COLUMN fsdb.audit.operation IS 'What was done, such as apply, deploy or erase.';
COMMENT ON COLUMN fsdb.audit.object IS 'What it was done to: a feature set, model, deployment, training set or role by name.';
COMMENT ON COLUMN fsdb.audit.details IS 'What else is to be known: names and counts, no values and no secrets.';

CREATE FUNCTION fsdb.guard_audit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    context text;
BEGIN
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF TG_OP = 'INSERT' AND context ~ '(^|\n)PL/pgSQL function fsdb\.append_audit\(text,text,jsonb\) line '
       AND pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'fsdb: fsdb''s own operations alone write fsdb.audit, and its lines never change'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION fsdb.guard_audit IS 'Trigger of fsdb.audit: nobody changes or removes what was recorded, nor adds to it past fsdb''s functions.';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsdb.audit FOR EACH STATEMENT EXECUTE FUNCTION fsdb.guard_audit();

-- The role setting outlives SECURITY DEFINER, so this is who called the function that is running as fsdb's role.
CREATE FUNCTION fsdb.acting_role() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END
$$;
COMMENT ON FUNCTION fsdb.acting_role IS 'The role that the session acts as, also inside functions that run with their owner''s rights.';

CREATE FUNCTION fsdb.append_audit(operation text, object text, details jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO fsdb.audit (by, role, application, operation, object, details)
    VALUES (session_user, fsdb.acting_role(), coalesce(current_setting('application_name', true), ''), $1, $2, coalesce($3, '{}'));
END
$$;
COMMENT ON FUNCTION fsdb.append_audit IS 'Adds a line to fsdb.audit. For fsdb''s own functions: it runs with the caller''s rights, and only the owner of the table can write there.';
REVOKE ALL ON FUNCTION fsdb.append_audit FROM PUBLIC;

-- Whoever may change nothing of the catalog has done no operation either. Who did it is the session's own user, whatever is passed.
CREATE FUNCTION fsdb.record_operation(operation text, object text, details jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting text := fsdb.acting_role();
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class c WHERE c.relnamespace IN ('fsdb'::regnamespace, 'fsdb_iceberg'::regnamespace) AND c.relkind = 'r'
          AND c.relname NOT IN ('audit', 'query_log', 'query_log_engines') AND has_table_privilege(acting, c.oid, 'INSERT, UPDATE, DELETE')
    ) AND NOT EXISTS (
        SELECT FROM pg_proc p WHERE p.pronamespace = 'fsdb_history'::regnamespace AND p.proname ~ ':(write|remove|erase)$'
          AND has_function_privilege(acting, p.oid, 'EXECUTE')
    ) AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = to_regrole(quote_ident(acting)) AND m.admin_option) THEN
        RAISE EXCEPTION 'fsdb: role % may change nothing of fsdb''s, so it has no operation to record', acting
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM fsdb.append_audit(operation, object, details);
END
$$;
COMMENT ON FUNCTION fsdb.record_operation IS 'Adds a line to fsdb.audit about what the caller does, under the caller''s own name. For who may change anything in fsdb.';
GRANT EXECUTE ON FUNCTION fsdb.record_operation TO PUBLIC;

CREATE FUNCTION fsdb.record_copy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    copy record := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    PERFORM fsdb.append_audit('copy',
        coalesce((SELECT c.feature_set FROM fsdb.copies c
                  WHERE (c.table_namespace, c.table_name) = (copy.table_namespace, split_part(copy.table_name, ':', 1))),
                 copy.table_namespace || '.' || split_part(copy.table_name, ':', 1)),
        jsonb_build_object('change', CASE
            WHEN TG_OP = 'INSERT' THEN 'made' WHEN TG_OP = 'DELETE' THEN 'removed'
            WHEN OLD.table_name IS DISTINCT FROM NEW.table_name THEN 'replaced' ELSE 'written' END));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fsdb.record_copy IS 'Trigger of fsdb_iceberg.iceberg_tables: each commit of a columnar copy is in fsdb.audit.';
REVOKE ALL ON FUNCTION fsdb.record_copy FROM PUBLIC;
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON fsdb_iceberg.iceberg_tables FOR EACH ROW EXECUTE FUNCTION fsdb.record_copy();

-- Arguments: the operation, or after a colon the column that tells it; the column that tells the object; the columns of the details.
CREATE FUNCTION fsdb.record_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
BEGIN
    PERFORM fsdb.append_audit(
        CASE WHEN left(TG_ARGV[0], 1) = ':' THEN line ->> substr(TG_ARGV[0], 2) ELSE TG_ARGV[0] END,
        line ->> TG_ARGV[1],
        coalesce((SELECT jsonb_object_agg(a.name, line -> a.name) FROM unnest(TG_ARGV[2:TG_NARGS]) a(name)), '{}'));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION fsdb.record_row IS 'Trigger of tables of the catalog whose rows say what was done: each is in fsdb.audit, too.';
REVOKE ALL ON FUNCTION fsdb.record_row FROM PUBLIC;
CREATE TRIGGER record AFTER INSERT ON fsdb.deployment_events
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row(':action', 'deployment', 'model', 'version');
CREATE TRIGGER record AFTER INSERT ON fsdb.stage_events FOR EACH ROW EXECUTE FUNCTION fsdb.record_row('stage', 'model', 'version', 'stage');
CREATE TRIGGER record AFTER INSERT ON fsdb.model_versions
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row('register', 'model', 'version', 'estimator', 'training_set', 'checksum');
CREATE TRIGGER record AFTER INSERT ON fsdb.training_sets
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row('save training set', 'name', 'row_count', 'content_hash');
CREATE TRIGGER record_delete AFTER DELETE ON fsdb.training_sets
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row('delete training set', 'name', 'row_count');
CREATE TRIGGER record AFTER INSERT ON fsdb.removals
    FOR EACH ROW EXECUTE FUNCTION fsdb.record_row('retain', 'feature_set', 'versions', 'reach', 'copy_snapshot');
