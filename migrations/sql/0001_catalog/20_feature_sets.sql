CREATE TABLE fsdb.feature_sets (
    name              text PRIMARY KEY,
    schema_name       text NOT NULL,
    live_schema       text NOT NULL,
    live_table        text NOT NULL,
    history_table     text NOT NULL UNIQUE,
    event_time_column text,
    event_time_rule   text CHECK (event_time_rule IN ('clock', 'clock only')) CHECK (event_time_rule IS NULL OR NOT tracked),
    tracked           boolean NOT NULL,
    max_age           interval CHECK (max_age > interval '0' AND extract(month FROM max_age) = 0 AND extract(year FROM max_age) = 0),
    ahead             interval CHECK (ahead >= interval '0' AND extract(month FROM ahead) = 0 AND extract(year FROM ahead) = 0),
    description       text NOT NULL DEFAULT '',
    tags              text[] NOT NULL DEFAULT '{}',
    owner             text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (live_schema, live_table)
);
COMMENT ON TABLE fsdb.feature_sets IS 'Feature sets: keys, features and event_time, each with a live table and a history table.';
COMMENT ON COLUMN fsdb.feature_sets.name IS 'As users write it: "set" in schema public, else "schema.set".';
COMMENT ON COLUMN fsdb.feature_sets.schema_name IS 'Where the views <set>_history and the function <set>_as_of stand.';
COMMENT ON COLUMN fsdb.feature_sets.live_schema IS 'The live table''s schema.';
COMMENT ON COLUMN fsdb.feature_sets.live_table IS 'The live table''s name, without the schema.';
COMMENT ON COLUMN fsdb.feature_sets.history_table IS 'Name in schema fsdb_history.';
COMMENT ON COLUMN fsdb.feature_sets.event_time_column IS 'The live table''s column for event_time; NULL where a tracked table has none and the wall clock counts.';
COMMENT ON COLUMN fsdb.feature_sets.event_time_rule IS 'NULL: a write may name event_time; clock: a named one is ignored; clock only: a named one is refused.';
COMMENT ON COLUMN fsdb.feature_sets.tracked IS 'Whether the live table belonged to an application before fsdb.';
COMMENT ON COLUMN fsdb.feature_sets.max_age IS 'A value older than this at the moment asked for is read as NULL.';
COMMENT ON COLUMN fsdb.feature_sets.ahead IS 'How far an event_time may lie ahead of the clock as it is written; NULL: as far as it likes.';
COMMENT ON COLUMN fsdb.feature_sets.description IS 'What it is, in words.';
COMMENT ON COLUMN fsdb.feature_sets.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.feature_sets.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.feature_sets.created_at IS 'When the set was defined.';

CREATE TABLE fsdb.feature_set_keys (
    feature_set text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    name        text NOT NULL,
    position    integer NOT NULL,
    type        text NOT NULL,
    PRIMARY KEY (feature_set, name),
    UNIQUE (feature_set, position)
);
COMMENT ON TABLE fsdb.feature_set_keys IS 'Key columns of feature sets, in order.';
COMMENT ON COLUMN fsdb.feature_set_keys.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.feature_set_keys.name IS 'The key column''s name.';
COMMENT ON COLUMN fsdb.feature_set_keys.position IS 'Its place in the order, from 1 on.';
COMMENT ON COLUMN fsdb.feature_set_keys.type IS 'The key''s type, as PostgreSQL calls it.';

CREATE TABLE fsdb.live_columns (
    feature_set text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    name        text NOT NULL,
    relation    oid NOT NULL,
    number      smallint NOT NULL,
    PRIMARY KEY (feature_set, name)
);
COMMENT ON TABLE fsdb.live_columns IS 'The columns of live tables that triggers were compiled for, by number, so that a column that is renamed later is found again.';
COMMENT ON COLUMN fsdb.live_columns.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.live_columns.name IS 'The column''s name when the triggers were compiled.';
COMMENT ON COLUMN fsdb.live_columns.relation IS 'The live table; in a restored database another one, and then the number says nothing.';
COMMENT ON COLUMN fsdb.live_columns.number IS 'The column''s number in the table (attnum).';

CREATE TABLE fsdb.generated_objects (
    feature_set   text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    position      integer NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('function', 'trigger', 'policy', 'view')),
    name          text NOT NULL,
    place         text NOT NULL,
    local_name    text NOT NULL,
    mark          text NOT NULL,
    source_digest text CHECK (source_digest IS NOT NULL OR kind <> 'function'),
    compiled_from text NOT NULL,
    PRIMARY KEY (feature_set, position)
);
COMMENT ON TABLE fsdb.generated_objects IS 'What each feature set was compiled to, so that fsdb status holds hundreds of sets against the database at once.';
COMMENT ON COLUMN fsdb.generated_objects.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.generated_objects.position IS 'Its place in the order in which they are made, from 1 on.';
COMMENT ON COLUMN fsdb.generated_objects.kind IS 'function, trigger, policy or view.';
COMMENT ON COLUMN fsdb.generated_objects.name IS 'As fsdb status writes it.';
COMMENT ON COLUMN fsdb.generated_objects.place IS 'The schema of a function or a view; the table of a trigger or a policy, quoted where needed.';
COMMENT ON COLUMN fsdb.generated_objects.local_name IS 'The name there.';
COMMENT ON COLUMN fsdb.generated_objects.mark IS 'The comment that it bears, with the digest of the text that makes it.';
COMMENT ON COLUMN fsdb.generated_objects.source_digest IS 'MD5 of a function''s source.';
COMMENT ON COLUMN fsdb.generated_objects.compiled_from IS 'MD5 of the definition and of the code that compiled it: where either is another now, the objects are compiled again and compared.';

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
COMMENT ON COLUMN fsdb.features.feature_id IS 'The feature''s number, by which training sets and models refer to it.';
COMMENT ON COLUMN fsdb.features.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.features.name IS 'The feature''s name, which is its column''s in the live table.';
COMMENT ON COLUMN fsdb.features.position IS 'The feature''s place in the set, from 1 on.';
COMMENT ON COLUMN fsdb.features.type IS 'The feature''s type, as PostgreSQL calls it.';
COMMENT ON COLUMN fsdb.features.history_column IS 'The column of the history table: the feature''s name, or for a dropped one a name that cannot be taken again.';
COMMENT ON COLUMN fsdb.features.description IS 'What it is, in words.';
COMMENT ON COLUMN fsdb.features.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.features.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.features.default_value IS 'Stands for NULL when the feature is read as of a time; a text that casts to the feature''s type.';
COMMENT ON COLUMN fsdb.features.created_at IS 'When the feature was added.';
COMMENT ON COLUMN fsdb.features.dropped_at IS 'When the feature was dropped; NULL: it is there.';

CREATE TABLE fsdb.written_ahead (
    feature_set text NOT NULL,
    version_id  bigint NOT NULL,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    depth       integer NOT NULL,
    PRIMARY KEY (feature_set, version_id)
);
COMMENT ON TABLE fsdb.written_ahead IS 'Versions of tracked tables that an inner statement wrote for an outer one, whose changes it found before they were recorded. The rows are deleted in the same transaction, when the outer statement records its changes.';
COMMENT ON COLUMN fsdb.written_ahead.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.written_ahead.version_id IS 'The version''s number.';
COMMENT ON COLUMN fsdb.written_ahead.xid IS 'The transaction that wrote the version.';
COMMENT ON COLUMN fsdb.written_ahead.depth IS 'How many triggers deep the statement that wrote it was.';

CREATE FUNCTION fsdb.kept_exactly(feature_set text, live text, history text, columns text[], kept text[], sequence text)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed record;
    drawn bigint;
    highest bigint;
BEGIN
    -- A cast from the live column's type to that of history keeps every value where the types are the same or history's is wider.
    SELECT c.name AS column, format_type(l.atttypid, l.atttypmod) AS type, format_type(h.atttypid, h.atttypmod) AS kept INTO changed
    FROM unnest(columns, kept) c(name, kept)
    JOIN pg_attribute l ON l.attrelid = to_regclass(live) AND l.attname = c.name AND NOT l.attisdropped
    JOIN pg_attribute h ON h.attrelid = to_regclass(history) AND h.attname = c.kept AND NOT h.attisdropped
    WHERE NOT CASE
        WHEN l.atttypid = h.atttypid AND (h.atttypmod < 0 OR l.atttypmod = h.atttypmod) THEN true
        WHEN h.atttypid = 'integer'::regtype THEN l.atttypid = 'smallint'::regtype
        WHEN h.atttypid = 'bigint'::regtype THEN l.atttypid IN ('smallint'::regtype, 'integer'::regtype)
        WHEN h.atttypid = 'double precision'::regtype THEN l.atttypid IN ('real'::regtype, 'smallint'::regtype, 'integer'::regtype)
        WHEN h.atttypid = 'real'::regtype THEN l.atttypid = 'smallint'::regtype
        WHEN h.atttypid = 'text'::regtype OR h.atttypid = 'character varying'::regtype
            THEN l.atttypid = 'character varying'::regtype AND (h.atttypmod < 0 OR l.atttypmod BETWEEN 0 AND h.atttypmod)
        -- Four more than precision * 65536 + scale, the scale in 11 bits with a sign.
        WHEN h.atttypid = 'numeric'::regtype AND l.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
            THEN h.atttypmod < 0 OR (((h.atttypmod - 4) & 2047) # 1024) >= 1024
                 AND ((h.atttypmod - 4) >> 16) - ((((h.atttypmod - 4) & 2047) # 1024) - 1024)
                     >= CASE l.atttypid WHEN 'smallint'::regtype THEN 5 WHEN 'integer'::regtype THEN 10 ELSE 19 END
        WHEN h.atttypid = 'numeric'::regtype THEN l.atttypid = h.atttypid AND l.atttypmod >= 0
            AND (((l.atttypmod - 4) & 2047) # 1024) <= (((h.atttypmod - 4) & 2047) # 1024)
            AND ((l.atttypmod - 4) >> 16) - (((l.atttypmod - 4) & 2047) # 1024) <= ((h.atttypmod - 4) >> 16) - (((h.atttypmod - 4) & 2047) # 1024)
        ELSE false END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = format(
            'Column %s of %s is %s now and history of feature set %s keeps it as %s, so values would change: fsdb doctor says what to do, or make the column %s again.',
            changed.column, to_regclass(live), changed.type, feature_set, changed.kept, changed.kept);
    END IF;
    -- A trigger that others made on history runs as whoever writes it, which is fsdb.
    SELECT t.tgname AS trigger, pg_get_userbyid(p.proowner) AS owner INTO changed
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = to_regclass(history) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND p.pronamespace <> to_regnamespace('fsdb_history')
          AND (t.tgqual IS NOT NULL OR NOT fsdb.acts_as(p.proowner, to_regrole(quote_ident(current_user))))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format(
            'Trigger %I on the history of feature set %s would run code of role %s with the rights of %s: drop it, and revoke the right to TRIGGER on %s.',
            changed.trigger, feature_set, changed.owner, current_user, history);
    END IF;
    EXECUTE format('SELECT s.last_value - CASE WHEN s.is_called THEN 0 ELSE 1 END, (SELECT max(h.version_id) FROM %s h) FROM %s s', history, sequence) INTO drawn, highest;
    IF drawn < highest THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format(
            'The sequence that numbers versions of feature set %s is at %s but history at %s, as after a restore of rows alone: run fsdb upgrade.',
            feature_set, drawn, highest);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION fsdb.kept_exactly IS 'True, or an error where history would round or refuse what a live table now holds, or would number versions anew. Called immutable so that the planner asks once a plan, which ALTER TABLE makes anew: writes pay nothing for it.';

-- pg_sequence_last_value() is NULL both for a sequence that was never used and for one that the caller may not read.
CREATE FUNCTION fsdb.last_number(sequence regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT has_sequence_privilege(sequence, 'SELECT, USAGE') THEN
        RAISE EXCEPTION 'permission denied for sequence %', (SELECT c.relname FROM pg_class c WHERE c.oid = sequence)
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN coalesce(pg_sequence_last_value(sequence), 0);
END
$$;
COMMENT ON FUNCTION fsdb.last_number IS 'The last number that a sequence gave, 0 before the first; an error for who may not read it.';

CREATE FUNCTION fsdb.last_version(history_table text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT fsdb.last_number(pg_get_serial_sequence(format('fsdb_history.%I', history_table), 'version_id')::regclass)
$$;
COMMENT ON FUNCTION fsdb.last_version IS 'How far the versions of a history table have been counted: no version that a snapshot of before sees is beyond.';
