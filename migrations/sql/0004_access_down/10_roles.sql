DROP TRIGGER own_deployments ON fsdb.deployments;
DROP TRIGGER own_deployments ON fsdb.deployment_releases;
DROP TRIGGER own_deployments ON fsdb.deployment_sets;
DROP TRIGGER own_deployments ON fsdb.deployment_inputs;
DROP TRIGGER own_deployments ON fsdb.deployment_feeds;
DROP FUNCTION fsdb.refuse_others_deployment();
DROP TABLE fsdb.grants;
DROP TABLE fsdb.roles;
