-- name: unset
-- Before INSERT of a row without event_time: the clock, past the newest version of the key.
BEGIN
    IF {new_time} IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {bounds_message};
    END IF;
    {new_time} := greatest(clock_timestamp(),
        (SELECT newest.event_time + interval '1 microsecond' FROM {newest_of_new} newest));
    RETURN NEW;
END

-- name: unset_clock
-- Before every INSERT, where the clock alone counts: the clock, past the newest version of the key.
BEGIN
    IF {refused} AND {new_time} IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {clock_message};
    END IF;
    {new_time} := greatest(clock_timestamp(),
        (SELECT newest.event_time + interval '1 microsecond' FROM {newest_of_new} newest));
    RETURN NEW;
END

-- name: clock
-- Before an UPDATE to another event_time, where the clock alone counts: it stays what it was, and is set from the clock where a
-- feature changes. Only fsdb's own triggers, which move a row past a tombstone, set it.
DECLARE
    context pg_catalog.text;
BEGIN
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF pg_catalog.strpos(context, {inserted_function}) OPERATOR(pg_catalog.>) 0 OR pg_catalog.strpos(context, {updated_function}) OPERATOR(pg_catalog.>) 0 THEN
        RETURN NEW;
    END IF;
    IF {refused} THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {clock_message};
    END IF;
    {new_time} := {old_time};
    RETURN NEW;
END

-- name: held
-- Before an UPDATE to an older event_time: the late row, which goes to history alone, must be one that the live table would take.
DECLARE
    known pg_catalog.text[];
    filled pg_catalog.text[];
    rule record;
    broken pg_catalog.bool;
BEGIN
    IF {new_time} OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp()
       AND {old_time} OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() THEN
        RETURN NEW;  -- not late: overtaken, and moved past the other
    END IF;
    {refuse_unfit}
    RETURN NEW;
END

-- name: named
-- Before an UPDATE whose SET list names event_time, and does not name a later one: the same value is a correction, marked by
-- -infinity for the triggers that follow; an older one is late, recorded, and the live row stays as it is. It counts as updated,
-- since who updates a row and is told of none takes it for gone.
BEGIN
    -- A row whose time is at the end may come just after itself all the same.
    IF {new_time} >= {latest} AND {new_time} - interval '1 microsecond' > {old_time} OR {new_time} < {earliest} AND {new_time} <> {old_time} THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {bounds_message};
    END IF;
    IF {new_time} > {old_time} THEN
        RETURN NEW;
    END IF;
    IF {new_time} = {old_time} THEN
        {new_time} := '-infinity';
        RETURN NEW;
    END IF;
    -- Taken from the clock in this statement (ON CONFLICT DO UPDATE SET event_time = excluded.event_time) and overtaken
    -- by another session while this one waited for the row.
    IF {new_time} > statement_timestamp() AND {old_time} <= clock_timestamp() THEN
        {new_time} := greatest(clock_timestamp(), {old_time} + interval '1 microsecond');
        RETURN NEW;
    END IF;
    IF {new_key_differs} THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {late_key_message};
    END IF;
    INSERT INTO {history} ({columns}, event_time, recorded_at) VALUES ({new_columns}, {new_time}, clock_timestamp());
    RETURN OLD;
END

-- name: moved
-- Before an UPDATE that changes the key: the tombstone of the old key, and an event_time past what the new key had.
DECLARE
    learned timestamptz := clock_timestamp();
    left_at timestamptz := greatest(learned, {old_time} + interval '1 microsecond');
BEGIN
    IF {new_time} = '-infinity' THEN
        {new_time} := {old_time};
    ELSIF {new_time} > {old_time} THEN
        IF {new_time} >= {latest} AND {new_time} - interval '1 microsecond' > {old_time} THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {bounds_message};
        END IF;
        left_at := {new_time};
    ELSE
        {new_time} := greatest(left_at,
            (SELECT newest.event_time + interval '1 microsecond' FROM {newest_of_new} newest));
    END IF;
    INSERT INTO {history} ({keys}, event_time, recorded_at, deleted) VALUES ({old_keys}, left_at, learned, true);
    RETURN NEW;
END

-- name: unnamed
-- Before an UPDATE that does not name event_time: where a feature changes, the clock, past the row's former event_time.
BEGIN
    IF {new_time} OPERATOR(pg_catalog.=) {old_time} AND NOT pg_catalog.record_image_ne({new_row}, {old_row}) THEN
        RETURN NEW;
    END IF;
    -- Another trigger of the table may have set it, or the statement, which was asked already.
    IF {new_time} OPERATOR(pg_catalog.>) {old_time} THEN
        IF {new_time} OPERATOR(pg_catalog.-) interval '1 microsecond' OPERATOR(pg_catalog.>) {old_time} THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {bounds_message};
        END IF;
        RETURN NEW;
    END IF;
    {new_time} := greatest(pg_catalog.clock_timestamp(), {old_time} OPERATOR(pg_catalog.+) interval '1 microsecond');
    RETURN NEW;
END

-- name: same
-- Before an UPDATE that names event_time with the value that it has: the mark is taken off again.
BEGIN
    {new_time} := {old_time};
    RETURN NEW;
END
