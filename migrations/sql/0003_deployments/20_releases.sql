ALTER TABLE fsdb.deployments
    DROP CONSTRAINT deployments_runtime_check,
    ADD CONSTRAINT deployments_runtime_check CHECK (runtime IN ('sql', 'onnx', 'worker')),
    ADD on_error       text NOT NULL DEFAULT 'reject' CHECK (on_error IN ('reject', 'null')),
    ADD canary_release integer,
    ADD canary_share   double precision CHECK (canary_share > 0 AND canary_share < 1),
    ADD canary_by      text[],
    ADD CHECK ((canary_release IS NULL) = (canary_share IS NULL) AND (canary_release IS NULL) = (canary_by IS NULL)),
    ADD FOREIGN KEY (deployment_id, canary_release) REFERENCES fsdb.deployment_releases DEFERRABLE INITIALLY DEFERRED;
COMMENT ON COLUMN fsdb.deployments.on_error IS 'What becomes of a row that cannot be scored: reject fails its insert; null records NULL with the reason in column error.';
COMMENT ON COLUMN fsdb.deployments.canary_release IS 'The release that scores a share of the keys instead of the live one; NULL: there is no canary.';
COMMENT ON COLUMN fsdb.deployments.canary_share IS 'The share of keys, between 0 and 1, that the canary scores.';
COMMENT ON COLUMN fsdb.deployments.canary_by IS 'Columns of the model table that make up the key: one key is always scored by the same release.';

ALTER TABLE fsdb.deployment_releases
    ADD runtime text NOT NULL DEFAULT 'sql' CHECK (runtime IN ('sql', 'onnx', 'worker')),
    ADD reason  text NOT NULL DEFAULT '';
ALTER TABLE fsdb.deployment_releases ALTER runtime DROP DEFAULT;
COMMENT ON COLUMN fsdb.deployment_releases.runtime IS 'How it computes: sql or onnx in the server, worker outside of it.';
COMMENT ON COLUMN fsdb.deployment_releases.reason IS 'Why that runtime was chosen.';

ALTER TABLE fsdb.deployment_events
    DROP CONSTRAINT deployment_events_action_check,
    ADD CONSTRAINT deployment_events_action_check CHECK (action IN (
        'deploy', 'replace', 'rollback', 'refresh', 'undeploy', 'attach', 'canary', 'stop canary', 'promote canary',
        'shadow', 'stop shadow', 'promote shadow', 'on error'
    ));

-- The share of a key does not change with the server's version, its locale or the order of rows.
CREATE FUNCTION fsdb.key_share(VARIADIC key text[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ('x' || substr(md5(array_to_string(ARRAY(SELECT coalesce(length(part) || ':' || part, '-') FROM unnest(key) WITH ORDINALITY AS p (part, n) ORDER BY n), '|')), 1, 8))::bit(32)::bigint / 4294967296.0::float8
$$;
COMMENT ON FUNCTION fsdb.key_share IS 'A number in [0, 1) that depends on the key alone; a canary scores the keys whose number is below its share.';

-- A model of many keys must not be asked who it is: applications insert with rights on the model table alone.
GRANT EXECUTE ON FUNCTION fsdb.key_share TO PUBLIC;

