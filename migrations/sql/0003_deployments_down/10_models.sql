DROP VIEW fsdb.model_stages;
DROP TABLE fsdb.stage_events;
ALTER TABLE fsdb.model_versions DROP packages, DROP fsdb_version, DROP source;
