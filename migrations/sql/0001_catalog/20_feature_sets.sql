CREATE TABLE fsdb.feature_sets (
    name              text PRIMARY KEY,
    schema_name       text NOT NULL,
    live_schema       text NOT NULL,
    live_table        text NOT NULL,
    history_table     text NOT NULL UNIQUE,
    event_time_column text,
    tracked           boolean NOT NULL,
    max_age           interval CHECK (max_age > interval '0' AND extract(month FROM max_age) = 0 AND extract(year FROM max_age) = 0),
    description       text NOT NULL DEFAULT '',
    tags              text[] NOT NULL DEFAULT '{}',
    owner             text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (live_schema, live_table)
);
COMMENT ON TABLE fsdb.feature_sets IS 'Feature sets: keys, features and event_time, each with a live table and a history table.';
COMMENT ON COLUMN fsdb.feature_sets.name IS 'As users write it: "set" in schema public, else "schema.set".';
COMMENT ON COLUMN fsdb.feature_sets.schema_name IS 'Where the views <set>_history and the function <set>_as_of stand.';
COMMENT ON COLUMN fsdb.feature_sets.history_table IS 'Name in schema fsdb_history.';
COMMENT ON COLUMN fsdb.feature_sets.event_time_column IS 'The live table''s column for event_time; NULL where a tracked table has none and the wall clock counts.';
COMMENT ON COLUMN fsdb.feature_sets.tracked IS 'Whether the live table belonged to an application before fsdb.';
COMMENT ON COLUMN fsdb.feature_sets.max_age IS 'A value older than this at the moment asked for is read as NULL.';

CREATE TABLE fsdb.feature_set_keys (
    feature_set text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    name        text NOT NULL,
    position    integer NOT NULL,
    type        text NOT NULL,
    PRIMARY KEY (feature_set, name),
    UNIQUE (feature_set, position)
);
COMMENT ON TABLE fsdb.feature_set_keys IS 'Key columns of feature sets, in order.';

CREATE TABLE fsdb.features (
    feature_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feature_set    text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    name           text NOT NULL,
    position       integer NOT NULL,
    type           text NOT NULL,
    history_column text NOT NULL,
    description    text NOT NULL DEFAULT '',
    tags           text[] NOT NULL DEFAULT '{}',
    owner          text NOT NULL DEFAULT '',
    default_value  text,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at     timestamptz,
    UNIQUE (feature_set, history_column)
);
CREATE UNIQUE INDEX features_current ON fsdb.features (feature_set, name) WHERE dropped_at IS NULL;
COMMENT ON TABLE fsdb.features IS 'Features of each set, dropped ones included: their past stays in history for training sets that used it.';
COMMENT ON COLUMN fsdb.features.history_column IS 'The column of the history table: the feature''s name, or for a dropped one a name that cannot be taken again.';
COMMENT ON COLUMN fsdb.features.default_value IS 'Stands for NULL when the feature is read as of a time; a text that casts to the feature''s type.';
