ALTER TABLE fsdb.model_versions
    ADD packages     text[] NOT NULL DEFAULT '{}',
    ADD fsdb_version text NOT NULL DEFAULT '',
    ADD source       text;
COMMENT ON COLUMN fsdb.model_versions.packages IS 'Packages that the model was made with, as name==version, python first.';
COMMENT ON COLUMN fsdb.model_versions.fsdb_version IS 'The fsdb that registered the version; an older one may not know all of its program.';
COMMENT ON COLUMN fsdb.model_versions.source IS 'Where the model was registered from, such as an MLflow URI; NULL: given as an object.';

CREATE TABLE fsdb.stage_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model    text NOT NULL,
    version  integer NOT NULL,
    stage    text NOT NULL CHECK (stage IN ('none', 'staging', 'production', 'archived')),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    by       text NOT NULL DEFAULT session_user,
    FOREIGN KEY (model, version) REFERENCES fsdb.model_versions
);
CREATE INDEX stage_events_by_version ON fsdb.stage_events (model, version, event_id);
COMMENT ON TABLE fsdb.stage_events IS 'When model versions came to which stage, and by whom; the newest one counts.';
COMMENT ON COLUMN fsdb.stage_events.event_id IS 'The event''s number.';
COMMENT ON COLUMN fsdb.stage_events.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.stage_events.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.stage_events.stage IS 'The stage: none, staging, production or archived.';
COMMENT ON COLUMN fsdb.stage_events.at IS 'When the version came to the stage.';
COMMENT ON COLUMN fsdb.stage_events.by IS 'Which database user put it there.';

CREATE VIEW fsdb.model_stages AS
SELECT v.model, v.version, coalesce(e.stage, 'none') AS stage, e.at, e.by
FROM fsdb.model_versions v LEFT JOIN LATERAL (
    SELECT e.stage, e.at, e.by FROM fsdb.stage_events e
    WHERE e.model = v.model AND e.version = v.version ORDER BY e.event_id DESC LIMIT 1
) e ON true;
COMMENT ON VIEW fsdb.model_stages IS 'The stage of each model version: none, staging, production (one version of a model at most) or archived.';
COMMENT ON COLUMN fsdb.model_stages.model IS 'The model''s name.';
COMMENT ON COLUMN fsdb.model_stages.version IS 'The model version''s number.';
COMMENT ON COLUMN fsdb.model_stages.stage IS 'The stage: none, staging, production or archived.';
COMMENT ON COLUMN fsdb.model_stages.at IS 'Since when the version is in the stage; NULL: it was never put into one.';
COMMENT ON COLUMN fsdb.model_stages.by IS 'Which database user put it there; NULL: nobody has.';
