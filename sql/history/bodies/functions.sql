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
