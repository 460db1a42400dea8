DROP TABLE fsdb.features, fsdb.feature_set_keys, fsdb.feature_sets;
