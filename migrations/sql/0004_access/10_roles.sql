CREATE TABLE fsdb.roles (
    role    text PRIMARY KEY CHECK (role IN ('reader', 'writer', 'scorer', 'deployer', 'admin')),
    rolname text NOT NULL UNIQUE CHECK (rolname <> '' AND octet_length(rolname) <= 63)
);
INSERT INTO fsdb.roles (role, rolname) VALUES
    ('reader', 'fsdb_reader'), ('writer', 'fsdb_writer'), ('scorer', 'fsdb_scorer'), ('deployer', 'fsdb_deployer'), ('admin', 'fsdb_admin');
COMMENT ON TABLE fsdb.roles IS 'What the five roles are called in this cluster. Where there is no such role, rights are given to users themselves.';
COMMENT ON COLUMN fsdb.roles.role IS 'The role: reader, writer, scorer, deployer or admin.';
COMMENT ON COLUMN fsdb.roles.rolname IS 'What the role is called in this cluster.';

CREATE TABLE fsdb.grants (
    role        text NOT NULL REFERENCES fsdb.roles,
    grantee     text NOT NULL,
    grantee_oid oid NOT NULL,
    target      text NOT NULL DEFAULT '',
    granted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    by          text NOT NULL DEFAULT session_user,
    PRIMARY KEY (role, grantee, target)
);
COMMENT ON TABLE fsdb.grants IS 'Users who hold a role''s rights directly: for some sets, deployments or schemas only, or because the cluster has no such role or fsdb may not grant it. Members of the cluster''s roles are not listed.';
COMMENT ON COLUMN fsdb.grants.role IS 'The role: reader, writer, scorer, deployer or admin.';
COMMENT ON COLUMN fsdb.grants.grantee IS 'The name of the user or group that has the rights.';
COMMENT ON COLUMN fsdb.grants.grantee_oid IS 'The user''s oid: another user who takes the name later does not get the rights.';
COMMENT ON COLUMN fsdb.grants.target IS 'The feature set (writer), deployment (scorer) or schema (deployer) that it is for; empty: all.';
COMMENT ON COLUMN fsdb.grants.granted_at IS 'When the rights were given.';
COMMENT ON COLUMN fsdb.grants.by IS 'Which database user gave them.';

-- Who deploys without being fsdb's role changes deployments whose tables are his, and no others.
CREATE FUNCTION fsdb.refuse_others_deployment() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state jsonb;
    deployed record;
    owner oid;
BEGIN
    IF pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    -- What the row was, and what it is to be: neither may be of a table that is another's.
    FOREACH state IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[to_jsonb(NEW)] WHEN 'DELETE' THEN ARRAY[to_jsonb(OLD)] ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END LOOP
        IF TG_TABLE_NAME = 'deployments' THEN
            SELECT state ->> 'schema_name' AS schema_name, state ->> 'table_name' AS table_name INTO deployed;
        ELSE
            SELECT d.schema_name, d.table_name INTO deployed FROM fsdb.deployments d WHERE d.deployment_id = (state ->> 'deployment_id')::integer;
        END IF;
        SELECT c.relowner INTO owner FROM pg_class c WHERE c.oid = to_regclass(format('%I.%I', deployed.schema_name, deployed.table_name));
        IF NOT pg_has_role(current_user, owner, 'USAGE') THEN
            RAISE EXCEPTION 'fsdb: table %.% belongs to %, and user % does not have that role''s rights', deployed.schema_name, deployed.table_name, owner::regrole, current_user
                USING ERRCODE = 'insufficient_privilege', HINT = 'Let an admin of fsdb change that deployment.';
        END IF;
    END LOOP;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION fsdb.refuse_others_deployment IS 'Trigger of the tables of deployments: a deployer changes those whose table is his, or is not there yet.';
CREATE TRIGGER own_deployments BEFORE INSERT OR UPDATE OR DELETE ON fsdb.deployments
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_deployment();
CREATE TRIGGER own_deployments BEFORE INSERT OR UPDATE OR DELETE ON fsdb.deployment_releases
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_deployment();
CREATE TRIGGER own_deployments BEFORE INSERT OR UPDATE OR DELETE ON fsdb.deployment_sets
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_deployment();
CREATE TRIGGER own_deployments BEFORE INSERT OR UPDATE OR DELETE ON fsdb.deployment_inputs
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_deployment();
CREATE TRIGGER own_deployments BEFORE INSERT OR UPDATE OR DELETE ON fsdb.deployment_feeds
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_deployment();

-- The same of saved training sets, whose spines are tables.
CREATE FUNCTION fsdb.refuse_others_training_set() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner oid := (SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'fsdb_training' AND c.relname = OLD.name);
BEGIN
    IF NOT pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') AND NOT coalesce(pg_has_role(current_user, owner, 'USAGE'), false) THEN
        RAISE EXCEPTION 'fsdb: training set % belongs to %, and user % does not have that role''s rights', OLD.name, coalesce(owner::regrole::text, 'nobody any more'), current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Let its owner delete it, or an admin of fsdb.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION fsdb.refuse_others_training_set IS 'Trigger of fsdb.training_sets: a deployer deletes those whose spine is his.';
CREATE TRIGGER own_training_sets BEFORE DELETE ON fsdb.training_sets FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_others_training_set();
