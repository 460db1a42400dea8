DROP FUNCTION fsdb.prediction_lineage, fsdb.refusal_told;
DROP TABLE fsdb.deployment_events, fsdb.deployment_inputs, fsdb.deployment_sets, fsdb.deployment_releases, fsdb.deployments;
DROP FUNCTION fsdb.refuse_prediction_change;
DROP FUNCTION fsdb.owns;
