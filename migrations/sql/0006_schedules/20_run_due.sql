-- Runs by SQL alone, for pg_cron. What Python's ingest does with many passes, these do by the live table's own triggers: with the same versions in the end.

CREATE FUNCTION fsdb.take_rows(feature_set text) RETURNS TABLE (rows bigint, changed bigint) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one fsdb.feature_sets := (SELECT s FROM fsdb.feature_sets s WHERE s.name = take_rows.feature_set);
    live text := format('%I.%I', one.live_schema, one.live_table);
    keys text := (SELECT string_agg(format('%I', k.name), ', ' ORDER BY k.position) FROM fsdb.feature_set_keys k WHERE k.feature_set = one.name);
    features text := (SELECT string_agg(format('%I', f.name), ', ' ORDER BY f.position) FROM fsdb.features f WHERE f.feature_set = one.name AND f.dropped_at IS NULL);
    same text := (SELECT string_agg(format('h.%I = r.%I', k.name, k.name), ' AND ' ORDER BY k.position) FROM fsdb.feature_set_keys k WHERE k.feature_set = one.name);
    known text := (SELECT string_agg(format('v.%I', f.history_column), ', ' ORDER BY f.position) FROM fsdb.features f WHERE f.feature_set = one.name AND f.dropped_at IS NULL);
    given text := (SELECT string_agg(format('r.%I', f.name), ', ' ORDER BY f.position) FROM fsdb.features f WHERE f.feature_set = one.name AND f.dropped_at IS NULL);
    assigned text := (SELECT string_agg(format('%I = excluded.%I', f.name, f.name), ', ' ORDER BY f.position) FROM fsdb.features f WHERE f.feature_set = one.name AND f.dropped_at IS NULL);
    broken text;
    often bigint;
    turn integer := 0;
BEGIN
    EXECUTE format('SELECT count(*) FROM pg_temp._fsdb_rows r WHERE num_nulls(%s) > 0', keys) INTO often;
    IF often > 0 THEN
        RAISE EXCEPTION 'fsdb: % rows have no value for the key %: leave them out', often, keys USING ERRCODE = 'not_null_violation';
    END IF;
    SELECT count(*) INTO often FROM pg_temp._fsdb_rows r WHERE r.event_time IS NULL OR NOT isfinite(r.event_time);
    IF often > 0 THEN
        RAISE EXCEPTION 'fsdb: % rows have no event time, or an infinite one: give them a moment, or leave them out', often USING ERRCODE = 'not_null_violation';
    END IF;
    EXECUTE format('SELECT count(*), format(''%%s at %%s'', ROW(%s), r.event_time) FROM pg_temp._fsdb_rows r GROUP BY %s, r.event_time HAVING count(*) > 1 ORDER BY r.event_time, %s LIMIT 1', keys, keys, keys) INTO often, broken;
    IF often > 1 THEN
        RAISE EXCEPTION 'fsdb: % rows are of % %: an entity has one row a moment. Group them, or give each its event_time', often, keys, broken USING ERRCODE = 'unique_violation';
    END IF;
    -- An assignment would round them.
    FOR broken IN
        SELECT a.attname FROM pg_attribute a JOIN pg_attribute l ON l.attrelid = live::regclass AND l.attname = a.attname
        WHERE a.attrelid = 'pg_temp._fsdb_rows'::regclass AND a.attnum > 0 AND a.atttypid IN ('numeric'::regtype, 'float8'::regtype, 'float4'::regtype)
              AND l.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    LOOP
        EXECUTE format('SELECT count(*) FROM pg_temp._fsdb_rows r WHERE r.%I <> trunc(r.%I)', broken, broken) INTO often;
        IF often > 0 THEN
            RAISE EXCEPTION 'fsdb: column % holds % numbers with fractions: round them first', broken, often USING ERRCODE = 'numeric_value_out_of_range';
        END IF;
    END LOOP;
    SELECT count(*) INTO rows FROM pg_temp._fsdb_rows;
    PERFORM fsdb.own_code(live, format('A run of %s', one.name), true);
    -- In the set's own types, in which values are compared with those that are known; a key's moments one after the other.
    EXECUTE format('CREATE TEMPORARY TABLE _fsdb_turns ON COMMIT DROP AS SELECT %s, %s, r.event_time, 0::bigint AS turn FROM %s r LIMIT 0', keys, features, live);
    EXECUTE format('INSERT INTO pg_temp._fsdb_turns SELECT %s, %s, r.event_time, row_number() OVER (PARTITION BY %s ORDER BY r.event_time) FROM pg_temp._fsdb_rows r', keys, features, keys);
    EXECUTE format('DELETE FROM pg_temp._fsdb_turns r WHERE EXISTS (SELECT FROM (SELECT h.* FROM fsdb_history.%I h WHERE %s AND h.event_time = r.event_time ORDER BY h.version_id DESC LIMIT 1) v '
                   'WHERE NOT v.deleted AND record_image_eq(ROW(%s), ROW(%s)))', one.history_table, same, known, given);
    SELECT count(*) INTO changed FROM pg_temp._fsdb_turns;
    FOR turn IN SELECT DISTINCT t.turn FROM pg_temp._fsdb_turns t ORDER BY t.turn LOOP
        EXECUTE format('INSERT INTO %s AS l (%s, %s, event_time) SELECT %s, %s, r.event_time FROM pg_temp._fsdb_turns r WHERE r.turn = %s ORDER BY %s '
                       'ON CONFLICT (%s) DO UPDATE SET %s, event_time = excluded.event_time', live, keys, features, keys, features, turn, keys, keys, assigned);
    END LOOP;
    DROP TABLE pg_temp._fsdb_turns;
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION fsdb.take_rows FROM PUBLIC;
COMMENT ON FUNCTION fsdb.take_rows IS 'Takes the rows of pg_temp._fsdb_rows into a feature set: how many there are, and how many of them are versions. Two rows of one key and moment are refused.';

CREATE FUNCTION fsdb.fill_slot(schedule text, since timestamptz, until timestamptz) RETURNS TABLE (rows bigint, changed bigint) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one fsdb.schedules := (SELECT s FROM fsdb.schedules s WHERE s.name = fill_slot.schedule);
    owner name := (SELECT pg_get_userbyid(c.relowner) FROM fsdb.feature_sets s JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', s.live_schema, s.live_table)) WHERE s.name = one.name);
    before text := current_setting('role');
    own_path text := current_setting('search_path');
    own_zone text := current_setting('TimeZone');
    columns text;
    timed boolean;
    code record;
BEGIN
    IF NOT coalesce(pg_has_role(session_user, owner, CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END), false) THEN
        RAISE EXCEPTION 'fsdb: the query of % runs as role %, which owns the set''s table, and user % may not act as it', one.name, owner, session_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'Grant that role to the user, or call as that role.';
    END IF;
    PERFORM set_config('fsdb.since', fill_slot.since::text, true), set_config('fsdb.until', fill_slot.until::text, true);
    -- That role makes a view and a function, and runs nothing yet.
    PERFORM set_config('role', owner, true), set_config('search_path', one.search_path, true), set_config('TimeZone', one.timezone, true);
    EXECUTE 'CREATE TEMPORARY VIEW _fsdb_batch AS ' OPERATOR(pg_catalog.||) one.statement;
    PERFORM pg_catalog.set_config('role', before, true), pg_catalog.set_config('search_path', own_path, true);
    SELECT * INTO code FROM fsdb.foreign_code('pg_temp._fsdb_batch'::regclass, owner, false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fsdb: the query of % would run code of role % with the rights of %: % of %', one.name, code.owner, owner, code.what, code.relation_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Take that code away, or grant the one role to the other.';
    END IF;
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum), bool_or(a.attname = 'event_time') INTO columns, timed
    FROM pg_attribute a WHERE a.attrelid = 'pg_temp._fsdb_batch'::regclass AND a.attnum > 0;
    PERFORM set_config('role', owner, true), set_config('search_path', one.search_path, true);
    EXECUTE pg_catalog.format('CREATE FUNCTION pg_temp._fsdb_batch() RETURNS TABLE (%s) LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET timezone FROM CURRENT AS %L',
                              columns, 'SELECT q.* FROM pg_temp._fsdb_batch AS q');
    GRANT EXECUTE ON FUNCTION pg_temp._fsdb_batch() TO PUBLIC;
    PERFORM pg_catalog.set_config('role', before, true), pg_catalog.set_config('search_path', own_path, true), pg_catalog.set_config('TimeZone', own_zone, true);
    -- In that function nobody becomes another role.
    EXECUTE format('CREATE TEMPORARY TABLE _fsdb_rows ON COMMIT DROP AS SELECT given.*%s FROM pg_temp._fsdb_batch() AS given',
                   CASE WHEN timed THEN '' ELSE format(', %L::timestamptz AS event_time', fill_slot.until) END);
    SELECT t.rows, t.changed INTO rows, changed FROM fsdb.take_rows(one.name) t;
    DROP TABLE pg_temp._fsdb_rows;
    PERFORM set_config('role', owner, true);
    DROP FUNCTION pg_temp._fsdb_batch();
    DROP VIEW pg_temp._fsdb_batch;
    PERFORM set_config('role', before, true);
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION fsdb.fill_slot FROM PUBLIC;
COMMENT ON FUNCTION fsdb.fill_slot IS 'Runs the query of a batch schedule as the role that owns its set''s table, and takes its rows into the set.';

CREATE FUNCTION fsdb.run_slot(schedule text, at timestamptz DEFAULT clock_timestamp()) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one fsdb.schedules;
    place integer;
    slot_since timestamptz;
    slot_until timestamptz;
    began timestamptz := clock_timestamp();
    given bigint;
    changed bigint;
    said text;
    again timestamptz;
BEGIN
    SELECT s.* INTO one FROM fsdb.schedules s WHERE s.name = run_slot.schedule AND s.job = 'batch' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR one.paused_at IS NOT NULL OR one.next_try > at OR cardinality(one.coming) = 0 OR one.coming[1] > at THEN
        RETURN false;
    END IF;
    place := CASE WHEN one.catch_up THEN 1 ELSE (SELECT count(*) FROM unnest(one.coming) c WHERE c <= at) END;
    slot_until := one.coming[place];
    slot_since := coalesce(CASE WHEN place = 1 THEN one.began ELSE one.coming[place - 1] END - coalesce(one.lookback, interval '0'), '0001-01-02 00:00:00+00');
    IF EXISTS (SELECT FROM fsdb.schedules d WHERE d.name = ANY (one.after || one.reads) AND d.name <> one.name AND d.paused_at IS NULL
               AND (cardinality(d.coming) = 0 OR d.coming[1] <= slot_until)) THEN
        RETURN false;
    END IF;
    BEGIN
        SELECT f.rows, f.changed INTO given, changed FROM fsdb.fill_slot(one.name, slot_since, slot_until) f;
        UPDATE fsdb.schedules s SET done_until = slot_until, began = slot_until, coming = one.coming[place + 1:], attempt = 0, next_try = NULL WHERE s.name = one.name;
    EXCEPTION WHEN others THEN
        -- Nothing of it is left but this: the slot stays, and is tried again ever later, not after the schedule's next time.
        said := format('The run failed: %s.', rtrim(SQLERRM, '.'));
        again := coalesce((SELECT min(c) FROM unnest(one.coming) c WHERE c > at), at + interval '6 hours');
        IF one.attempt < one.retries THEN
            again := least(again, at + least(interval '30 seconds' * power(4, least(one.attempt, 10)), interval '6 hours'));
        END IF;
        UPDATE fsdb.schedules s SET attempt = one.attempt + 1, next_try = again WHERE s.name = one.name;
    END;
    INSERT INTO fsdb.runs (schedule, job, since, until, outcome, rows, changed, error, attempt, next_try, started_at, duration)
    VALUES (one.name, one.job, slot_since, slot_until, CASE WHEN said IS NULL THEN 'done' ELSE 'failed' END, given, changed,
            said, one.attempt + 1, again, at, clock_timestamp() - began);
    RETURN said IS NULL;
END
$$;
REVOKE ALL ON FUNCTION fsdb.run_slot FROM PUBLIC;
COMMENT ON FUNCTION fsdb.run_slot IS 'Runs the slot of a batch schedule that is next, where it has come and waits for no other: true where that went well. Its record is written either way.';

-- It commits after each run, so it sets no path of its own and names everything in full.
CREATE PROCEDURE fsdb.run_due() LANGUAGE plpgsql AS $$
DECLARE
    schedule pg_catalog.text;
    went boolean;
    more boolean := true;
BEGIN
    WHILE more LOOP
        more := false;
        FOR schedule IN
            SELECT s.name FROM fsdb.schedules s
            WHERE s.job OPERATOR(pg_catalog.=) 'batch' AND s.paused_at IS NULL AND s.coming[1] OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
                  AND (s.next_try IS NULL OR s.next_try OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())
            ORDER BY s.coming[1], s.name
        LOOP
            went := fsdb.run_slot(schedule);
            more := more OR went;
            COMMIT;
        END LOOP;
    END LOOP;
    FOR schedule IN SELECT s.name FROM fsdb.schedules s WHERE s.job OPERATOR(pg_catalog.=) 'batch' AND pg_catalog.cardinality(s.coming) OPERATOR(pg_catalog.=) 0 LOOP
        RAISE WARNING 'fsdb: the times of schedule % that were worked out ahead are over, so SQL runs it no more', schedule
            USING HINT = 'Run fsdb worker --once, which works out the next ones.';
    END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE fsdb.run_due FROM PUBLIC;
COMMENT ON PROCEDURE fsdb.run_due IS 'Runs the batch schedules that are due, each slot in a transaction, by SQL alone: for pg_cron. Syncs and retention need fsdb worker. To be called outside of a transaction.';
