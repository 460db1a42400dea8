CREATE TABLE fsdb.model_graphs (
    function text NOT NULL,
    checksum text NOT NULL CHECK (checksum = encode(sha256(graph), 'hex')),
    graph    bytea NOT NULL,
    PRIMARY KEY (function, checksum)
);
COMMENT ON TABLE fsdb.model_graphs IS 'ONNX graphs of the scoring functions of the runtime onnx: each connection loads them once.';
COMMENT ON COLUMN fsdb.model_graphs.function IS 'The scoring function in schema fsdb_models.';
COMMENT ON COLUMN fsdb.model_graphs.checksum IS 'SHA-256 of the graph; the function names the one that it was made for.';
COMMENT ON COLUMN fsdb.model_graphs.graph IS 'The graph, as ONNX''s bytes.';

CREATE FUNCTION fsdb.refuse_graph_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = to_regnamespace('fsdb_models') AND p.proname = OLD.function) THEN
        RAISE EXCEPTION 'fsdb: function fsdb_models.% scores by this graph', OLD.function
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Undeploy the model instead.';
    END IF;
    RETURN OLD;
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_graph_removal FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_graph_removal IS 'Keeps the graph of a scoring function as long as there is the function.';

CREATE TRIGGER immutable BEFORE UPDATE OR TRUNCATE ON fsdb.model_graphs
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_model_change();
CREATE TRIGGER in_use BEFORE DELETE ON fsdb.model_graphs
    FOR EACH ROW EXECUTE FUNCTION fsdb.refuse_graph_removal();

-- With its owner's rights: whoever pools connections for an application may hold no rights on functions of models.
CREATE FUNCTION fsdb.warm_up(deployment text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    scorer record;
    loaded integer := 0;
BEGIN
    IF deployment IS NOT NULL AND NOT EXISTS (SELECT FROM fsdb.deployments d WHERE deployment IN (d.name, d.schema_name || '.' || d.table_name)) THEN
        RAISE EXCEPTION 'fsdb: no model is deployed as table "%"', deployment
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM fsdb.deployments lists the deployments.';
    END IF;
    -- What scores now: the live release, a canary's, and those of a shadow, which is a deployment of its own.
    FOR scorer IN
        SELECT DISTINCT p.oid, p.proargtypes::oid[] AS types, i.numbers, i.texts
        FROM fsdb.deployments d
        JOIN fsdb.deployment_releases r ON r.deployment_id = d.deployment_id AND r.release IN (d.release, d.canary_release)
        JOIN pg_proc p ON p.pronamespace = to_regnamespace('fsdb_models') AND p.proname = d.model || '_v' || r.version || '__onnx'
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE i.type <> 'text') AS numbers, count(*) FILTER (WHERE i.type = 'text') AS texts
            FROM fsdb.model_inputs i WHERE i.model = d.model AND i.version = r.version
        ) i
        LEFT JOIN fsdb.deployment_feeds f ON f.deployment_id = d.deployment_id
        LEFT JOIN fsdb.deployments beside ON beside.deployment_id = f.shadow_of
        WHERE r.runtime = 'onnx' AND fsdb.acts_as(p.proowner, to_regrole(quote_ident(current_user)))  -- others' functions do not run as fsdb
          AND (deployment IS NULL OR deployment IN (d.name, d.schema_name || '.' || d.table_name, beside.name, beside.schema_name || '.' || beside.table_name))
    LOOP
        -- A call loads the graph before it looks at the row, so one of NULLs does, whether the model takes it or not.
        BEGIN
            EXECUTE format('SELECT %s(%s)', scorer.oid::regproc, (
                SELECT string_agg(CASE type
                    WHEN 'float8[]'::regtype THEN format('array_fill(NULL::float8, ARRAY[%s])', scorer.numbers)
                    WHEN 'text[]'::regtype THEN format('array_fill(NULL::text, ARRAY[%s])', scorer.texts)
                    ELSE format('NULL::%s', type::regtype) END, ', ' ORDER BY position)
                FROM unnest(scorer.types) WITH ORDINALITY AS given (type, position)
            ));
        EXCEPTION WHEN data_exception THEN
            NULL;
        END;
        loaded := loaded + 1;
    END LOOP;
    RETURN loaded;
END
$$;
COMMENT ON FUNCTION fsdb.warm_up IS
    'Loads the models of the runtime onnx in this connection, all or those of one deployment, so that its first insert is as fast as the next; returns how many. For poolers. Other runtimes need none of it.';
GRANT EXECUTE ON FUNCTION fsdb.warm_up TO PUBLIC;
