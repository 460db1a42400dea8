DROP TABLE fsdb.erasure_files, fsdb.erased_training_sets, fsdb.erased_predictions, fsdb.erased_versions, fsdb.erasures;
DROP FUNCTION fsdb.refuse_erasure_change();
