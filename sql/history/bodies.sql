-- name: newest
-- A key's newest version, as a lateral item: one index descent.
(SELECT h.version_id, h.event_time, h.deleted, h.recorded_at, h.xid FROM {history} h WHERE {same_key}
 ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1)

-- name: own_code
-- True, once the planner has asked whether code of others would run with fsdb's rights where fsdb writes the live table.
fsdb.own_code({live_name}, {late_purpose}, true)

-- name: settle_late
-- Rows whose key has a tombstone of their moment or newer: those whose event_time was taken from the clock in this statement
-- are moved past it, and that UPDATE writes their version; the others are late, are versions already, and leave the live table.
FOR late IN
    SELECT {n_keys}, {n_time} AS event_time, newest.event_time AS valid_from
    FROM new_rows n CROSS JOIN LATERAL {newest_of_n} newest
    WHERE newest.deleted AND newest.event_time >= {n_time}
LOOP
    IF late.event_time > statement_timestamp() AND late.valid_from <= learned THEN
        UPDATE {live} l SET {time} = greatest(clock_timestamp(), late.valid_from + interval '1 microsecond')
        WHERE {own_code} AND {l_is_late};
        IF NOT FOUND THEN
            INSERT INTO {history} ({columns}, event_time, recorded_at)
            SELECT {n_columns}, {n_time}, learned FROM new_rows n WHERE {n_is_late};
        END IF;
    ELSE
        DELETE FROM {live} l WHERE {own_code} AND {l_is_late};
    END IF;
END LOOP;

-- name: inserted
-- After INSERT: a version of each row. Where the set has tombstones, a row older than its key's tombstone is late.
DECLARE
    learned timestamptz := clock_timestamp();
    late record;
BEGIN
    -- A btree without an entry is one page, so the usual set without tombstones pays for no look-up.
    IF pg_relation_size({tombstones}) <= current_setting('block_size')::bigint THEN
        INSERT INTO {history} ({columns}, event_time, recorded_at)
        SELECT {n_columns}, {n_time}, learned FROM new_rows n;
        RETURN NULL;
    END IF;
    -- In a snapshot older than the statement the tombstone of a row that another session deleted cannot be seen.
    IF current_setting('transaction_isolation') <> 'read committed' AND EXISTS (
        SELECT FROM new_rows n CROSS JOIN LATERAL {newest_of_n} newest
        WHERE NOT newest.deleted AND {n_time} <= statement_timestamp()
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = {overtaken_message};
    END IF;
    -- A row whose event_time was taken from the clock in this statement, and whose key another session deleted since,
    -- is moved past that tombstone instead: the UPDATE below writes its version.
    INSERT INTO {history} ({columns}, event_time, recorded_at)
    SELECT {n_columns}, {n_time}, learned
    FROM new_rows n LEFT JOIN LATERAL {newest_of_n} newest ON true
    WHERE NOT (coalesce(newest.deleted, false) AND newest.event_time >= {n_time}
               AND newest.event_time <= learned AND {n_time} > statement_timestamp());
    {settle_late}
    RETURN NULL;
END

-- name: updated
-- After UPDATE: a version of each row that is not what it was, and of each row that came to another key.
DECLARE
    learned timestamptz := clock_timestamp();
    late record;
BEGIN
    -- Only where this transaction wrote tombstones can a row have come to a key that another row left.
    IF pg_relation_size({tombstones}) <= current_setting('block_size')::bigint
       OR NOT EXISTS (SELECT FROM {history} h WHERE h.deleted AND h.xid = pg_current_xact_id()) THEN
        -- Mostly every row has another event_time than before: to see this needs two columns, to compare the rows all of them.
        IF EXISTS (SELECT FROM new_rows n JOIN old_rows o ON {o_is_n} AND {o_time} = {n_time}) THEN
            INSERT INTO {history} ({columns}, event_time, recorded_at)
            SELECT {n_columns}, {n_time}, learned
            FROM new_rows n LEFT JOIN old_rows o ON {o_is_n}
            WHERE {o_key} IS NULL OR {n_time} <> {o_time} OR record_image_ne({n_image}, {o_image});
        ELSE
            INSERT INTO {history} ({columns}, event_time, recorded_at)
            SELECT {n_columns}, {n_time}, learned FROM new_rows n;
        END IF;
        RETURN NULL;
    END IF;
    -- As after INSERT: a row that came to a key which another session deleted since is moved past that tombstone.
    INSERT INTO {history} ({columns}, event_time, recorded_at)
    SELECT {n_columns}, {n_time}, learned
    FROM new_rows n LEFT JOIN old_rows o ON {o_is_n} LEFT JOIN LATERAL {newest_of_n} newest ON true
    WHERE ({o_key} IS NULL OR {n_time} <> {o_time} OR newest.deleted OR record_image_ne({n_image}, {o_image}))
      AND NOT (coalesce(newest.deleted, false) AND newest.event_time >= {n_time}
               AND newest.event_time <= learned AND {n_time} > statement_timestamp());
    {settle_late}
    RETURN NULL;
END

-- name: deleted
-- After DELETE: a tombstone of each row, except of late rows that leave the live table again. A key that came back in the
-- same statement has its tombstone before its new row.
DECLARE
    learned timestamptz := clock_timestamp();
    late record;
BEGIN
    INSERT INTO {history} ({keys}, event_time, recorded_at, deleted)
    SELECT {o_keys},
           CASE WHEN again.event_time > statement_timestamp() THEN again.event_time - interval '1 microsecond'
                ELSE greatest(learned, {o_time} + interval '1 microsecond') END,
           learned, true
    FROM old_rows o LEFT JOIN LATERAL {newest_of_o} newest ON true
         LEFT JOIN LATERAL (SELECT {l_time} AS event_time FROM {live} l WHERE {l_is_o} LIMIT 1) again ON true
    WHERE NOT (coalesce(newest.deleted, false) AND newest.event_time >= {o_time});
    FOR late IN
        SELECT {o_keys} FROM old_rows o
            CROSS JOIN LATERAL (SELECT {l_time} AS event_time FROM {live} l WHERE {l_is_o} LIMIT 1) again
            CROSS JOIN LATERAL {newest_of_o} newest
        WHERE newest.deleted AND newest.event_time > again.event_time
    LOOP
        DELETE FROM {live} l WHERE {own_code} AND {l_is_late};
    END LOOP;
    RETURN NULL;
END

-- name: named_time
-- Of a tracked table with a time of its own: the time that the application named, where it is within the bounds and later than the key's
-- newest version.
WHEN {row_time} >= {earliest} AND {row_time} < {latest} AND (newest.event_time IS NULL OR {row_time} > newest.event_time AND ({seen})) THEN {row_time}

-- name: seen_of_inserted
-- Whether no newer version can be there unseen: in a snapshot older than the statement, a tombstone that another session wrote is.
newest.deleted OR steady

-- name: seen_of_updated
-- A row that is locked is seen as it is.
true

-- name: seen_of_moved
-- A row that comes to a key is like one inserted.
newest.deleted OR steady OR NOT {o_differs_n}

-- name: inside
-- Whether the key's newest version was written in the same statement of the client, by a statement before this one or inside it.
newest.xid = pg_current_xact_id() AND newest.recorded_at >= statement_timestamp()

-- name: found_row
-- Whether a version is what this statement found: the row that it changed.
NOT p.deleted AND record_image_eq({p_state}, {o_state})

-- name: found_present
-- The same where the columns may no longer be those that history keeps: rows are deleted all the same.
NOT p.deleted

-- name: found_deleted
-- Whether a version is what a DELETE found: the row that it deleted, and not one that came to its key again in the same statement, be it the same.
NOT p.deleted AND record_image_eq({p_state}, {o_state}) AND NOT coalesce((
    SELECT NOT q.deleted AND record_image_eq({q_state}, {o_state}) FROM {history} q
    WHERE {q_is_p} AND (q.event_time, q.version_id) < (p.event_time, p.version_id)
    ORDER BY q.event_time DESC, q.version_id DESC LIMIT 1), false)

-- name: found_none
-- Whether a version is what this statement found: no row.
p.deleted

-- name: found_moved
-- The same, of rows that come to a key and of those that stay at theirs.
CASE WHEN {o_differs_n} THEN p.deleted ELSE NOT p.deleted AND record_image_eq({p_state}, {o_state}) END

-- name: follows
-- Whether this statement's version comes after the newest one, which is then what it found.
coalesce((SELECT {found} FROM {history} p WHERE p.version_id = newest.version_id), {found_absent})

-- name: between
-- The time of the version before which this statement's belongs: of those that statements inside it wrote, the latest that follows what
-- this one found.
coalesce((
    SELECT v.event_time FROM {history} v
    WHERE {v_is_row} AND v.xid = pg_current_xact_id() AND v.recorded_at >= statement_timestamp()
          AND coalesce((SELECT {found} FROM {history} p
                        WHERE {p_is_v} AND (p.event_time, p.version_id) < (v.event_time, v.version_id)
                        ORDER BY p.event_time DESC, p.version_id DESC LIMIT 1), {found_absent})
    ORDER BY v.event_time DESC, v.version_id DESC LIMIT 1), newest.event_time)

-- name: time_of_row
-- When the version of a tracked table's row begins: at the clock, past the newest version; or just before what a statement inside this one
-- wrote, when it changed the row again. History alone tells: the table is its owner's, and to read it would run the owner's code.
CASE WHEN {inside} AND NOT {follows} THEN {between} - interval '1 microsecond'
     {named_time}
     ELSE greatest(learned, newest.event_time + interval '1 microsecond') END

-- name: written_ahead
-- Whether a statement inside this one has written this one's version already, because it found what this one had made.
CASE WHEN {inside} THEN EXISTS {ahead} ELSE false END

-- name: ahead
-- This statement's version where it was written ahead.
(SELECT h.version_id, h.event_time FROM {history} h
 WHERE {h_is_row} AND h.xid = pg_current_xact_id() AND {h_is_made} AND h.version_id IN (
     SELECT w.version_id FROM fsdb.written_ahead w
     WHERE w.feature_set = {name} AND w.xid = pg_current_xact_id() AND w.depth > pg_trigger_depth())
 ORDER BY h.version_id DESC LIMIT 1)

-- name: missing
-- Whether what this statement found is not in history yet: as the newest version, or before this statement's where that is there.
NOT CASE WHEN ahead.version_id IS NULL THEN {follows}
    ELSE coalesce((SELECT {found} FROM {history} p
                   WHERE {p_is_row} AND (p.event_time, p.version_id) < (ahead.event_time, ahead.version_id)
                   ORDER BY p.event_time DESC, p.version_id DESC LIMIT 1), {found_absent}) END

-- name: time_ahead
-- When it begins, with places left for what was found before it.
CASE WHEN ahead.version_id IS NOT NULL THEN ahead.event_time - interval '1 microsecond'
     {named_time}
     ELSE greatest(learned, newest.event_time + pg_trigger_depth() * interval '1 microsecond') END

-- name: write_ahead_rows
-- Inside another statement: what that one made of the rows, and will record only when it ends, is recorded before it is changed again.
IF pg_trigger_depth() > 1 THEN
    WITH made AS (
        INSERT INTO {history} ({columns}, event_time, recorded_at)
        SELECT {o_columns}, {time_ahead}, learned
        FROM {changed} LEFT JOIN LATERAL {newest_of_o} newest ON true LEFT JOIN LATERAL {ahead} ahead ON true
        WHERE {missing}
        RETURNING version_id)
    INSERT INTO fsdb.written_ahead (feature_set, version_id, depth) SELECT {name}, made.version_id, pg_trigger_depth() FROM made
    WHERE fsdb.own_code('fsdb.written_ahead', 'Writing versions', true);
END IF;

-- name: write_ahead_gone
-- The same of rows that it deleted, whose keys come back.
IF pg_trigger_depth() > 1 THEN
    WITH made AS (
        INSERT INTO {history} ({keys}, event_time, recorded_at, deleted)
        SELECT {n_keys}, {time_ahead}, learned, true
        FROM {came} LEFT JOIN LATERAL {newest_of_n} newest ON true LEFT JOIN LATERAL {ahead} ahead ON true
        WHERE {missing} AND {kept} AND NOT {written_of_n}
        RETURNING version_id)
    INSERT INTO fsdb.written_ahead (feature_set, version_id, depth) SELECT {name}, made.version_id, pg_trigger_depth() FROM made
    WHERE fsdb.own_code('fsdb.written_ahead', 'Writing versions', true);
END IF;

-- name: forget_ahead
-- What was written ahead of these rows is recorded now.
IF EXISTS (SELECT FROM fsdb.written_ahead w
           WHERE w.feature_set = {name} AND w.xid = pg_current_xact_id() AND w.depth > pg_trigger_depth()) THEN
    DELETE FROM fsdb.written_ahead f WHERE f.feature_set = {name} AND f.version_id IN (
        SELECT ahead.version_id FROM {made} CROSS JOIN LATERAL {ahead} ahead);
END IF;

-- name: made_row
-- A version that is what a statement made.
NOT h.deleted AND record_image_eq({h_state}, {n_state})

-- name: made_none
-- The tombstone that it made.
h.deleted

-- name: made_either
-- The one or the other, where the keys of rows may change.
CASE WHEN {n_key} IS NULL THEN h.deleted ELSE NOT h.deleted AND record_image_eq({h_state}, {n_state}) END

-- name: kept_as_is
-- The trigger may be on a table that has another name by now, whose columns are not those that the planner asked about.
IF TG_RELID IS DISTINCT FROM to_regclass({live_name})::oid AND NOT {kept_by_it} THEN
    RETURN NULL;
END IF;

-- name: written_of_n
-- Whether fsdb's own function wrote this row as the key's newest version before the row itself, as an ingest does; or as its last but those
-- that statements inside this one wrote.
CASE WHEN newest.xid = pg_current_xact_id() AND NOT newest.deleted AND newest.event_time = {n_time}
     THEN (SELECT record_image_eq({h_state}, {n_state}) FROM {history} h WHERE h.version_id = newest.version_id)
     WHEN {inside} AND NOT {follows} AND pg_trigger_depth() = 1
     THEN EXISTS (SELECT FROM {history} h WHERE {h_is_row} AND h.event_time = {n_time} AND h.xid = pg_current_xact_id()
                  AND NOT h.deleted AND record_image_eq({h_state}, {n_state}))
     ELSE false END

-- name: pairs
-- Rows as they were and as they are: both tables of an UPDATE hold them in one order.
(SELECT r.*, row_number() OVER () AS "fsdb:place" FROM old_rows r) o
JOIN (SELECT r.*, row_number() OVER () AS "fsdb:place" FROM new_rows r) n ON o."fsdb:place" = n."fsdb:place"

-- name: inserted_tracked
-- After INSERT into a tracked table.
DECLARE
    learned timestamptz := clock_timestamp();
    steady boolean := current_setting('transaction_isolation') = 'read committed';
BEGIN
    {kept_as_is}
    {write_ahead_inserted}
    INSERT INTO {history} ({columns}, event_time, recorded_at)
    SELECT {n_columns}, {time_of_inserted_n}, learned
    FROM new_rows n LEFT JOIN LATERAL {newest_of_n} newest ON true
    WHERE NOT {written_of_inserted_n} AND NOT {n_written_ahead};
    {forget_inserted}
    RETURN NULL;
END

-- name: updated_tracked
-- After UPDATE of a tracked table: the row stays what the application made of it, and is the key's newest version.
DECLARE
    learned timestamptz := clock_timestamp();
    steady boolean := current_setting('transaction_isolation') = 'read committed';
BEGIN
    {kept_as_is}
    {write_ahead_updated}
    -- Keys are unique at every moment, so rows that change theirs leave at least one key behind.
    IF NOT EXISTS (SELECT FROM old_rows o LEFT JOIN new_rows n ON {o_is_n} WHERE {n_key} IS NULL AND {kept}) THEN
        INSERT INTO {history} ({columns}, event_time, recorded_at)
        SELECT {n_columns}, {time_of_updated_n}, learned
        FROM new_rows n JOIN old_rows o ON {o_is_n} LEFT JOIN LATERAL {newest_of_n} newest ON true
        WHERE record_image_ne({n_image}, {o_image}) AND NOT {written_of_updated_n} AND NOT {n_written_ahead};
        {forget_updated}
        RETURN NULL;
    END IF;
    INSERT INTO {history} ({keys}, event_time, recorded_at, deleted)
    SELECT {o_keys}, {time_of_o}, learned, true
    FROM {pairs} LEFT JOIN LATERAL {newest_of_o} newest ON true
    WHERE {o_differs_n} AND {kept} AND NOT {o_written_ahead};
    {forget_left}
    {write_ahead_moved}
    INSERT INTO {history} ({columns}, event_time, recorded_at)
    SELECT {n_columns}, {time_of_moved_n}, learned
    FROM {pairs} LEFT JOIN LATERAL {newest_of_n} newest ON true
    WHERE ({o_differs_n} OR record_image_ne({n_image}, {o_image})) AND NOT {n_written_ahead};
    {forget_moved}
    RETURN NULL;
END

-- name: tombstones_of_old
-- A tombstone of each row that a DELETE took out of a tracked table, at a time.
INSERT INTO {history} ({keys}, event_time, recorded_at, deleted)
        SELECT {o_keys}, {begins}, learned, true
        FROM old_rows o LEFT JOIN LATERAL {newest_of_o} newest ON true
        WHERE {keys_kept} AND NOT (coalesce(newest.deleted, false) AND newest.xid = pg_current_xact_id()) AND NOT {o_written_ahead};

-- name: deleted_tracked
-- After DELETE from a tracked table. A tombstone that this transaction wrote itself, to delete as of a moment, is not written again.
DECLARE
    learned timestamptz := clock_timestamp();
BEGIN
    {keys_kept_as_is}
    {write_ahead_deleted}
    -- Where the key came back in the same statement, whose triggers may fire before this one.
    IF EXISTS (SELECT FROM old_rows o CROSS JOIN LATERAL {newest_of_o} newest WHERE {keys_kept} AND {inside} AND NOT newest.deleted) THEN
        {tombstones_of_left}
    ELSE
        {tombstones_of_deleted}
    END IF;
    {forget_deleted}
    RETURN NULL;
END

-- name: keys_alive
-- Keys of which the newest version is no tombstone: one index descent a key. The table itself is not asked.
(WITH RECURSIVE newest AS (
    (SELECT {h_keys}, h.event_time, h.deleted FROM {history} h ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC LIMIT 1)
    UNION ALL
    SELECT following.* FROM newest CROSS JOIN LATERAL (
        SELECT {h_keys}, h.event_time, h.deleted FROM {history} h WHERE ({h_keys}) > ({newest_keys})
        ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC LIMIT 1) following
) SELECT * FROM newest WHERE NOT newest.deleted)

-- name: truncated
-- Before TRUNCATE: a tombstone of every key that has a row.
DECLARE
    learned timestamptz := clock_timestamp();
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = {truncate_message};
    END IF;
    INSERT INTO {history} ({keys}, event_time, recorded_at, deleted)
    SELECT {l_keys}, greatest(learned, l.event_time + interval '1 microsecond'), learned, true FROM {keys_alive} l;
    RETURN NULL;
END

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

-- name: guard
-- Before any direct change of history: refused. fsdb's own functions insert, and those of retention and erasure delete, as the owner of the table.
DECLARE
    context text;
BEGIN
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF pg_catalog.pg_has_role(current_user, (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) TG_RELID), 'USAGE')
       AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT'
            AND (pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1
                 OR pg_catalog.strpos(context, {write_function}) OPERATOR(pg_catalog.>) 0)
            OR TG_OP OPERATOR(pg_catalog.=) 'DELETE'
            AND (pg_catalog.strpos(context, {remove_function}) OPERATOR(pg_catalog.>) 0
                 OR pg_catalog.strpos(context, {erase_function}) OPERATOR(pg_catalog.>) 0)) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = {guard_message};
END

-- name: write
-- Writes versions in the order given: with times within the bounds, or just after what is at their end. version_id, recorded_at and xid are drawn here, whatever the argument holds.
DECLARE
    learned timestamptz := clock_timestamp();
BEGIN
    -- Policies would not be asked here, so whom they bind writes the live table.
    IF fsdb.policies_bind({live_table}) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = {bound_message};
    END IF;
    IF EXISTS (SELECT FROM unnest($1) v WHERE v.event_time < {earliest} OR v.event_time >= {latest} AND NOT EXISTS (
        SELECT FROM {history} h WHERE {h_is_v} AND h.event_time >= v.event_time - interval '1 microsecond')) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = {bounds_message};
    END IF;
    INSERT INTO {history} ({every_column}, event_time, recorded_at, deleted)
    SELECT {v_every_column}, v.event_time, learned, v.deleted FROM unnest($1) v;
END

-- name: remove
-- Removes versions by version_id, all of them or, where a read as of the reach or later needs one, none. The reach and the
-- record follow in the same transaction, under a lock that waits for what is being read: nothing leaves without them.
DECLARE
    removed bigint;
    wanted bigint;
    lowest bigint;
    highest bigint;
BEGIN
    EXECUTE format('DELETE FROM %1$s h USING %2$s c WHERE h.version_id = c.version_id AND h.event_time <= $1 AND h.version_id <> '
        '(SELECT w.version_id FROM %1$s w WHERE %3$s AND w.event_time <= $1 ORDER BY w.event_time DESC, w.version_id DESC LIMIT 1)',
        {history_name}::regclass, candidates, {w_is_h}) USING reach;
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format('SELECT count(*), min(version_id), max(version_id) FROM %s', candidates) INTO wanted, lowest, highest;
    IF removed <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = {needed_message};
    END IF;
    LOCK TABLE fsdb.reading IN EXCLUSIVE MODE;
    UPDATE fsdb.feature_sets s SET reach = greatest(s.reach, $2)
    WHERE s.name = {name} AND fsdb.own_code('fsdb.feature_sets', 'Removing versions', true);
    INSERT INTO fsdb.removals (feature_set, reach, versions, first_version, last_version, copy_snapshot)
    SELECT s.name, s.reach, removed, lowest, highest, copy_snapshot FROM fsdb.feature_sets s
    WHERE s.name = {name} AND fsdb.own_code('fsdb.removals', 'Removing versions', true);
    RETURN removed;
END
