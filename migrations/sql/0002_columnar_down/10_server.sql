ALTER TABLE fsdb.training_set_snapshots DROP restored_version;
ALTER TABLE fsdb.feature_sets DROP restored_version;
DROP TABLE fsdb.server_mark;
DROP TABLE fsdb.server;
