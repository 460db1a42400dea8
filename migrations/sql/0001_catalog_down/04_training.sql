DROP TABLE fsdb.training_set_snapshots, fsdb.training_set_columns, fsdb.training_sets, fsdb.training_view_features, fsdb.training_views;
DROP TRIGGER next_generation ON fsdb.feature_sets;
DROP TRIGGER next_generation ON fsdb.feature_set_keys;
DROP TRIGGER next_generation ON fsdb.features;
DROP FUNCTION fsdb.next_catalog_generation();
DROP TABLE fsdb.catalog_generation;
DROP FUNCTION fsdb.new_generation();
