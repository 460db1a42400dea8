CREATE TABLE fsdb.calibrations (
    engine      text NOT NULL,
    unit        text NOT NULL,
    seconds     double precision NOT NULL CHECK (seconds > 0),
    measured_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version     text NOT NULL,
    PRIMARY KEY (engine, unit)
);
COMMENT ON TABLE fsdb.calibrations IS 'What engines cost on this machine, as fsdb calibrate measured it last. Without a row the built-in constant counts; delete rows to go back to it.';
COMMENT ON COLUMN fsdb.calibrations.engine IS 'The engine: postgres, duckdb or spark.';
COMMENT ON COLUMN fsdb.calibrations.unit IS 'What is counted, such as the descent of an index or a row that is scanned; docs/engines.md lists them.';
COMMENT ON COLUMN fsdb.calibrations.seconds IS 'How long one of the unit takes.';
COMMENT ON COLUMN fsdb.calibrations.measured_at IS 'When it was measured.';
COMMENT ON COLUMN fsdb.calibrations.version IS 'The engine''s version that was measured.';

CREATE TABLE fsdb.query_log (
    query_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_by     text NOT NULL DEFAULT current_user,
    engine       text NOT NULL,
    forced       boolean NOT NULL,
    why          text NOT NULL,
    estimated_seconds double precision,
    seconds      double precision NOT NULL,
    spine_rows   bigint NOT NULL,
    feature_sets integer NOT NULL,
    features     integer NOT NULL,
    versions     bigint NOT NULL,
    copy_rows    bigint NOT NULL,
    tail_rows    bigint NOT NULL,
    files_read   integer NOT NULL,
    files_pruned integer NOT NULL
);
COMMENT ON TABLE fsdb.query_log IS 'Training sets that were built, with the router''s estimates: the newest 10,000 of the last 90 days. Builds by users who may not insert here are not kept.';
COMMENT ON COLUMN fsdb.query_log.query_id IS 'The build''s number.';
COMMENT ON COLUMN fsdb.query_log.asked_at IS 'When the training set was built.';
COMMENT ON COLUMN fsdb.query_log.asked_by IS 'Which database user built it.';
COMMENT ON COLUMN fsdb.query_log.engine IS 'The engine that built it.';
COMMENT ON COLUMN fsdb.query_log.forced IS 'Whether the caller named the engine.';
COMMENT ON COLUMN fsdb.query_log.why IS 'Why that engine was taken, in words.';
COMMENT ON COLUMN fsdb.query_log.estimated_seconds IS 'What was expected of that engine; NULL where nothing could be said.';
COMMENT ON COLUMN fsdb.query_log.seconds IS 'How long it took until the result was there, or could be streamed.';
COMMENT ON COLUMN fsdb.query_log.spine_rows IS 'How many rows the spine had.';
COMMENT ON COLUMN fsdb.query_log.feature_sets IS 'How many feature sets were read.';
COMMENT ON COLUMN fsdb.query_log.features IS 'How many features were read.';
COMMENT ON COLUMN fsdb.query_log.versions IS 'About how many versions the feature sets'' history tables held, together.';
COMMENT ON COLUMN fsdb.query_log.copy_rows IS 'How many versions the columnar copies of these sets held.';
COMMENT ON COLUMN fsdb.query_log.tail_rows IS 'How many versions were not in the copies.';
COMMENT ON COLUMN fsdb.query_log.files_read IS 'Files of the copies that could hold what was asked for.';
COMMENT ON COLUMN fsdb.query_log.files_pruned IS 'Files of the copies that were not read, since nothing in them could count.';

CREATE TABLE fsdb.query_log_engines (
    query_id  bigint NOT NULL REFERENCES fsdb.query_log ON DELETE CASCADE,
    engine    text NOT NULL,
    seconds   double precision,
    refusal   text,
    PRIMARY KEY (query_id, engine)
);
COMMENT ON TABLE fsdb.query_log_engines IS 'What the router expected of each engine, for each line of query_log.';
COMMENT ON COLUMN fsdb.query_log_engines.query_id IS 'The number of the build in query_log.';
COMMENT ON COLUMN fsdb.query_log_engines.engine IS 'The engine: postgres, duckdb or spark.';
COMMENT ON COLUMN fsdb.query_log_engines.seconds IS 'The estimate; NULL where nothing could be said.';
COMMENT ON COLUMN fsdb.query_log_engines.refusal IS 'Why the engine could not, or did not; NULL where it could.';
