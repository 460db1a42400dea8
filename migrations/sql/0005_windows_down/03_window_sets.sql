DELETE FROM fsdb.feature_sets WHERE history_table IS NULL;
DROP TABLE fsdb.windows, fsdb.window_keys, fsdb.window_sets;
ALTER TABLE fsdb.feature_sets
    DROP CONSTRAINT feature_sets_tables,
    ALTER live_schema SET NOT NULL, ALTER live_table SET NOT NULL, ALTER history_table SET NOT NULL,
    DROP happens_column;
