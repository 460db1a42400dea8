ALTER TABLE fsdb.feature_sets ADD happens_column text;
COMMENT ON COLUMN fsdb.feature_sets.happens_column IS 'Of a table of events: the column with the time at which each happened; NULL: the rows are no events.';

-- A set whose features are computed when they are read has no tables of its own.
ALTER TABLE fsdb.feature_sets
    ALTER live_schema DROP NOT NULL, ALTER live_table DROP NOT NULL, ALTER history_table DROP NOT NULL,
    ADD CONSTRAINT feature_sets_tables CHECK ((live_schema IS NULL) = (history_table IS NULL) AND (live_table IS NULL) = (history_table IS NULL));

CREATE TABLE fsdb.window_sets (
    feature_set  text PRIMARY KEY REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    events       text NOT NULL REFERENCES fsdb.feature_sets,
    ends_before  bigint NOT NULL CHECK (ends_before >= 0),
    step         bigint NOT NULL CHECK (step > 0)
);
CREATE INDEX window_sets_by_events ON fsdb.window_sets (events);
COMMENT ON TABLE fsdb.window_sets IS 'Feature sets whose features are computed from events, over windows of time that end at the moment asked for.';
COMMENT ON COLUMN fsdb.window_sets.feature_set IS 'The set''s name.';
COMMENT ON COLUMN fsdb.window_sets.events IS 'The event table: a feature set with a happens_column.';
COMMENT ON COLUMN fsdb.window_sets.ends_before IS 'How long before the moment asked for the windows end, in microseconds.';
COMMENT ON COLUMN fsdb.window_sets.step IS 'Windows begin at multiples of so many microseconds since 1970; 1: at any moment.';

CREATE TABLE fsdb.window_keys (
    feature_set text NOT NULL REFERENCES fsdb.window_sets ON DELETE CASCADE,
    name        text NOT NULL,
    feature_id  integer NOT NULL REFERENCES fsdb.features,
    PRIMARY KEY (feature_set, name),
    FOREIGN KEY (feature_set, name) REFERENCES fsdb.feature_set_keys ON DELETE CASCADE
);
COMMENT ON TABLE fsdb.window_keys IS 'Which column of the events holds each key of a window set.';
COMMENT ON COLUMN fsdb.window_keys.feature_set IS 'The window set''s name.';
COMMENT ON COLUMN fsdb.window_keys.name IS 'The key''s name.';
COMMENT ON COLUMN fsdb.window_keys.feature_id IS 'The events'' column, by its number in fsdb.features.';

CREATE TABLE fsdb.windows (
    feature_id integer PRIMARY KEY REFERENCES fsdb.features ON DELETE CASCADE,
    function   text NOT NULL,
    column_id  integer REFERENCES fsdb.features,
    width      bigint NOT NULL CHECK (width > 0),
    condition  text,
    tree       jsonb CHECK ((tree IS NULL) = (condition IS NULL))
);
CREATE INDEX windows_by_column ON fsdb.windows (column_id);
COMMENT ON TABLE fsdb.windows IS 'What each feature of a window set computes.';
COMMENT ON COLUMN fsdb.windows.feature_id IS 'The feature''s number in fsdb.features.';
COMMENT ON COLUMN fsdb.windows.function IS 'count, sum, mean, min, max, stddev, first or last.';
COMMENT ON COLUMN fsdb.windows.column_id IS 'The events'' column that is aggregated, by its number in fsdb.features; NULL: events are counted.';
COMMENT ON COLUMN fsdb.windows.width IS 'How far back the window reaches, in microseconds.';
COMMENT ON COLUMN fsdb.windows.condition IS 'Only events for which this is true count, as it was written; NULL: all do.';
COMMENT ON COLUMN fsdb.windows.tree IS 'The condition as it is computed; its inputs are the events'' columns, by their numbers in fsdb.features.';
