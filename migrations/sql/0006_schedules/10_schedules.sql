-- A run holds the schedule's row for its one transaction: rows, done_until and the run's record are there together, or none of them is.
CREATE TABLE fsdb.schedules (
    name        text PRIMARY KEY,
    job         text NOT NULL CHECK (job IN ('batch', 'sync', 'retain')),
    feature_set text REFERENCES fsdb.feature_sets ON DELETE CASCADE CHECK ((feature_set IS NOT NULL) = (job = 'batch') AND feature_set = name),
    sets        text[] NOT NULL DEFAULT '{}',
    cron        text NOT NULL,
    timezone    text NOT NULL,
    query       text CHECK ((query IS NOT NULL) = (job = 'batch')),
    statement   text CHECK ((statement IS NOT NULL) = (job = 'batch')),
    search_path text NOT NULL,
    lookback    interval CHECK (lookback > interval '0'),
    retries     integer NOT NULL CHECK (retries >= 0),
    catch_up    boolean NOT NULL,
    after       text[] NOT NULL DEFAULT '{}',
    reads       text[] NOT NULL DEFAULT '{}',
    description text NOT NULL DEFAULT '',
    tags        text[] NOT NULL DEFAULT '{}',
    owner       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_at   timestamptz,
    done_until  timestamptz NOT NULL,
    began       timestamptz,
    coming      timestamptz[] NOT NULL,
    attempt     integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    next_try    timestamptz
);
COMMENT ON TABLE fsdb.schedules IS 'Jobs with the times at which fsdb worker runs them. A batch job fills the feature set of its name by a query.';
COMMENT ON COLUMN fsdb.schedules.name IS 'The schedule''s name.';
COMMENT ON COLUMN fsdb.schedules.job IS 'What runs: batch, sync or retain.';
COMMENT ON COLUMN fsdb.schedules.feature_set IS 'Of a batch job: the set that it fills, which bears the same name.';
COMMENT ON COLUMN fsdb.schedules.sets IS 'Of sync and retain: the sets; empty: all.';
COMMENT ON COLUMN fsdb.schedules.cron IS 'The times: minute, hour, day of month, month, day of week.';
COMMENT ON COLUMN fsdb.schedules.timezone IS 'The zone that the times are in.';
COMMENT ON COLUMN fsdb.schedules.query IS 'Of a batch job: its query, with :since and :until. It runs as the role that owns the set''s table.';
COMMENT ON COLUMN fsdb.schedules.statement IS 'The same query with the settings fsdb.since and fsdb.until in the place of its parameters, for fsdb.run_due().';
COMMENT ON COLUMN fsdb.schedules.search_path IS 'The search path of the session that registered the query: names in it mean the same in each run.';
COMMENT ON COLUMN fsdb.schedules.lookback IS 'How far before the former slot''s end :since lies; NULL: it is that end.';
COMMENT ON COLUMN fsdb.schedules.retries IS 'How often a failed run is tried again before it waits for the next of the times.';
COMMENT ON COLUMN fsdb.schedules.catch_up IS 'Whether each missed slot is run; false: the last one alone.';
COMMENT ON COLUMN fsdb.schedules.after IS 'Schedules that a slot waits for, as declared.';
COMMENT ON COLUMN fsdb.schedules.reads IS 'Feature sets whose tables the query reads: a slot waits for the schedules that fill them.';
COMMENT ON COLUMN fsdb.schedules.description IS 'What it is for, in words.';
COMMENT ON COLUMN fsdb.schedules.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.schedules.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.schedules.created_at IS 'When it was registered.';
COMMENT ON COLUMN fsdb.schedules.paused_at IS 'Since when it does not run; NULL: it does.';
COMMENT ON COLUMN fsdb.schedules.done_until IS 'The end of the last slot that is done; what comes after it is still to run.';
COMMENT ON COLUMN fsdb.schedules.began IS 'When the first of the next slots begins; NULL: there was no time before it.';
COMMENT ON COLUMN fsdb.schedules.coming IS 'The ends of the next slots, in order, as far as they are worked out: SQL cannot read cron.';
COMMENT ON COLUMN fsdb.schedules.attempt IS 'How many runs in a row have failed.';
COMMENT ON COLUMN fsdb.schedules.next_try IS 'Before this moment a slot that failed is not tried again; NULL: nothing failed.';

CREATE TABLE fsdb.runs (
    run_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule   text NOT NULL,
    job        text NOT NULL,
    since      timestamptz,
    until      timestamptz NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('done', 'failed')),
    rows       bigint CHECK (rows >= 0),
    changed    bigint CHECK (changed >= 0),
    error      text CHECK ((error IS NOT NULL) = (outcome = 'failed')),
    attempt    integer NOT NULL CHECK (attempt > 0),
    next_try   timestamptz,
    started_at timestamptz NOT NULL,
    duration   interval NOT NULL,
    by         text NOT NULL DEFAULT session_user
);
CREATE INDEX runs_by_schedule ON fsdb.runs (schedule, run_id);
COMMENT ON TABLE fsdb.runs IS 'What became of each run of a schedule, written in the run''s own transaction. A run that was killed left nothing, no line here either.';
COMMENT ON COLUMN fsdb.runs.run_id IS 'The run''s number.';
COMMENT ON COLUMN fsdb.runs.schedule IS 'The schedule''s name. Its runs stay when it is dropped.';
COMMENT ON COLUMN fsdb.runs.job IS 'What ran: batch, sync or retain.';
COMMENT ON COLUMN fsdb.runs.since IS 'Of a batch job: what :since was.';
COMMENT ON COLUMN fsdb.runs.until IS 'The end of the slot; of a batch job what :until was.';
COMMENT ON COLUMN fsdb.runs.outcome IS 'done or failed.';
COMMENT ON COLUMN fsdb.runs.rows IS 'Of a batch job the rows that the query gave; of sync the versions written to copies; of retain the versions removed.';
COMMENT ON COLUMN fsdb.runs.changed IS 'Of a batch job: the rows of them that were versions; the others said what was known.';
COMMENT ON COLUMN fsdb.runs.error IS 'Why it failed, in a sentence.';
COMMENT ON COLUMN fsdb.runs.attempt IS 'Which attempt at the slot it was, from 1 on.';
COMMENT ON COLUMN fsdb.runs.next_try IS 'When the slot is tried again; NULL: it need not be, or somebody ran it by hand.';
COMMENT ON COLUMN fsdb.runs.started_at IS 'When the run began.';
COMMENT ON COLUMN fsdb.runs.duration IS 'How long it took, up to the commit.';
COMMENT ON COLUMN fsdb.runs.by IS 'The user whose session ran it.';
