COMMENT ON SCHEMA fsdb IS 'The fsdb catalog: what is registered, as typed tables that psql can read.';

CREATE SCHEMA fsdb_history;
COMMENT ON SCHEMA fsdb_history IS 'History tables of fsdb''s feature sets and the functions of their triggers. Written by these alone.';

CREATE SCHEMA fsdb_training;
COMMENT ON SCHEMA fsdb_training IS 'Spines of saved training sets.';

CREATE SCHEMA fsdb_models;
COMMENT ON SCHEMA fsdb_models IS 'Scoring functions of deployed model versions and the functions of their triggers.';
