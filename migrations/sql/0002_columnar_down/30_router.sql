DROP TABLE fsdb.query_log_engines;
DROP TABLE fsdb.query_log;
DROP TABLE fsdb.calibrations;
