DROP FUNCTION fsdb.key_share(text[]);
DELETE FROM fsdb.deployment_events WHERE action NOT IN ('deploy', 'replace', 'rollback', 'refresh', 'undeploy');
ALTER TABLE fsdb.deployment_events
    DROP CONSTRAINT deployment_events_action_check,
    ADD CONSTRAINT deployment_events_action_check CHECK (action IN ('deploy', 'replace', 'rollback', 'refresh', 'undeploy'));
ALTER TABLE fsdb.deployment_releases DROP runtime, DROP reason;
ALTER TABLE fsdb.deployments
    DROP on_error, DROP canary_release, DROP canary_share, DROP canary_by,
    DROP CONSTRAINT deployments_runtime_check,
    ADD CONSTRAINT deployments_runtime_check CHECK (runtime IN ('sql'));
