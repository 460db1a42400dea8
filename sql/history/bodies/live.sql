-- name: newest
-- A key's newest version, as a lateral item: one index descent.
(SELECT h.version_id, h.event_time, h.deleted, h.recorded_at, h.xid FROM {history} h WHERE {same_key}
 ORDER BY h.event_time DESC, h.version_id DESC LIMIT 1)

-- name: own_code
-- True, once the planner has asked whether code of others would run with fsdb's rights where fsdb writes the live table.
fsdb.own_code({live_name}, {late_purpose}, true, true)

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
