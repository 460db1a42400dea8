DROP TABLE fsdb.runs;
DROP TABLE fsdb.schedules;
