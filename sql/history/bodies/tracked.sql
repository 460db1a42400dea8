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
