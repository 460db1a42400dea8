DROP TABLE fsdb.model_checks, fsdb.model_programs, fsdb.model_metrics, fsdb.model_inputs, fsdb.model_versions, fsdb.models;
DROP FUNCTION fsdb.refuse_model_change, fsdb.tree_masks;
