CREATE TABLE fsdb.parity_reports (
    report_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model              text NOT NULL,
    version            integer NOT NULL,
    runtime            text NOT NULL,
    deployment         text NOT NULL,
    at                 timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows_checked       integer NOT NULL,
    rows_refused       integer NOT NULL,
    largest_difference double precision NOT NULL,
    tolerance          double precision NOT NULL,
    by                 text NOT NULL DEFAULT session_user,
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions
);
CREATE INDEX parity_reports_by_version ON fsdb.parity_reports (model, version);
COMMENT ON TABLE fsdb.parity_reports IS 'One row for each comparison with the native predict that a version passed before a deployment. A version that fails is not deployed.';
COMMENT ON COLUMN fsdb.parity_reports.report_id IS 'The report''s number.';
COMMENT ON COLUMN fsdb.parity_reports.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.parity_reports.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.parity_reports.runtime IS 'The runtime that was compared: sql, onnx or worker.';
COMMENT ON COLUMN fsdb.parity_reports.deployment IS 'The deployment''s table.';
COMMENT ON COLUMN fsdb.parity_reports.at IS 'When it was compared.';
COMMENT ON COLUMN fsdb.parity_reports.rows_checked IS 'How many rows were compared.';
COMMENT ON COLUMN fsdb.parity_reports.rows_refused IS 'Of the rows checked, those that the native model refuses, and the deployed one too.';
COMMENT ON COLUMN fsdb.parity_reports.largest_difference IS 'Largest difference of a number, as a part of max(|value|, 0.001).';
COMMENT ON COLUMN fsdb.parity_reports.tolerance IS 'The largest difference that passes.';
COMMENT ON COLUMN fsdb.parity_reports.by IS 'Which database user deployed.';
