DROP FUNCTION fsdb.last_version(text), fsdb.last_number(regclass);
DROP FUNCTION fsdb.kept_exactly;
DROP TABLE fsdb.written_ahead, fsdb.features, fsdb.generated_objects, fsdb.live_columns, fsdb.feature_set_keys, fsdb.feature_sets;
