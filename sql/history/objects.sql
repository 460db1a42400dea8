-- name: trigger_function
-- A trigger function that reads and writes history as its owner, so that an application role needs rights on the live
-- table only. Its plans are kept for a session and must suit one row and many alike: joins of transition tables are
-- never nested loops, look-ups by key never scans. Before PostgreSQL 18 what is switched off counts as a huge cost, and
-- jit, which is on by default, would compile each such plan for most of a second. Where row security hides rows from that owner it
-- fails rather than leave them out.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off SET enable_seqscan = off SET jit = off
AS {body}

-- name: plain_trigger_function
-- A trigger function that only computes, as whoever changes the row.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {body}

-- name: kept
-- True, once the planner has asked whether history keeps it all exactly: so no column has a type whose casts and operators are others'
-- code.
fsdb.kept_exactly({set_name}, {live_name}, {history_name}, {live_columns}, {kept_columns}, {sequence_name})

-- name: first_column
-- A column of what is written into history, after that.
CASE WHEN {kept} THEN {column} END

-- name: write_function
-- The way by which fsdb itself writes versions: late values in bulk, deletes as of a moment, backfills.
CREATE OR REPLACE FUNCTION {function}(versions {history}[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS {body}

-- name: remove_function
-- The way by which retention takes versions away that the columnar copy holds.
CREATE OR REPLACE FUNCTION {function}(candidates regclass, reach timestamptz, copy_snapshot bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET jit = off
AS {body}

-- name: revoke_function
-- Nobody may attach a trigger function to another table, or write versions, without having been allowed to.
REVOKE ALL ON FUNCTION {signature} FROM PUBLIC

-- name: after_insert
-- Fires once a statement.
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {function}()

-- name: after_update
-- Fires once a statement.
CREATE OR REPLACE TRIGGER {trigger} AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION {function}()

-- name: after_delete
-- Fires once a statement.
CREATE OR REPLACE TRIGGER {trigger} AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION {function}()

-- name: before_truncate
-- Fires once a statement, while the rows are still there.
CREATE OR REPLACE TRIGGER {trigger} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()

-- name: before_insert_unset
-- Fires for rows without an event_time, or with one that is out of bounds.
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW
WHEN ({new_time} IS NULL OR {new_time} >= {latest} OR {new_time} < {earliest}) EXECUTE FUNCTION {function}()

-- name: before_insert_clock
-- Fires for every row.
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()

-- name: before_update_clock
-- Fires for rows whose event_time is to become another.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN ({new_time} IS DISTINCT FROM {old_time}) EXECUTE FUNCTION {function}()

-- name: before_update_held
-- Fires where the SET list names event_time, for rows that it makes older.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE OF {time} ON {table} FOR EACH ROW
WHEN ({new_time} < {old_time}) EXECUTE FUNCTION {function}()

-- name: before_update_named
-- Fires where the SET list names event_time, for rows that it does not make later, or too late.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE OF {time} ON {table} FOR EACH ROW
WHEN ({new_time} <= {old_time} OR {new_time} >= {latest}) EXECUTE FUNCTION {function}()

-- name: before_update_moved
-- Fires for rows whose key changes.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN ({new_key_differs}) EXECUTE FUNCTION {function}()

-- name: before_update_unnamed
-- Fires for rows whose event_time is unset, unchanged, older without having been named, or out of bounds. Whether a feature changed its function
-- finds out: a condition over all columns would be read from the catalog anew in every statement.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN ({new_time} IS NULL OR ({new_time} <= {old_time} AND {new_time} > '-infinity' AND NOT {new_key_differs})
      OR ({new_time} >= {latest} AND NOT {new_key_differs}))
EXECUTE FUNCTION {function}()

-- name: before_update_same
-- Fires for rows whose event_time was named with the value that it had.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN ({new_time} = '-infinity') EXECUTE FUNCTION {function}()

-- name: guard_insert
-- Fires for inserts that come from no trigger, or from another role than the one that owns the table at that moment: the owner alone
-- has every grant option without having been given it, and is not under the table's row security even where that option was given. No role is
-- named, so the trigger fits whoever owns the table later.
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH STATEMENT
WHEN (pg_trigger_depth() = 0 OR NOT has_table_privilege({table_name}::regclass, 'TRIGGER WITH GRANT OPTION')
      OR row_security_active({table_name}::regclass::oid)) EXECUTE FUNCTION {function}()

-- name: guard_change
-- Fires for every other change.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT
EXECUTE FUNCTION {function}()

-- name: history_view
-- Versions with the time during which each holds. Of versions with one event_time only the last holds at all: the
-- others' time is empty, because the next version begins when they do.
CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS
SELECT h.version_id, {columns}, h.event_time, h.recorded_at, h.deleted, h.xid, h.event_time AS valid_from,
       lead(h.event_time) OVER (PARTITION BY {h_keys} ORDER BY h.event_time, h.version_id) AS valid_to
FROM {history} h

-- name: as_of_function
-- The table as it was: of each key the version that holds at the given time, unless it is a tombstone.
CREATE OR REPLACE FUNCTION {function}(timestamp with time zone) RETURNS TABLE ({types}, event_time timestamp with time zone)
LANGUAGE sql STABLE AS {body}

-- name: as_of_body
-- Inlined into the query that calls it, so that a condition on the keys uses the index.
SELECT {columns}, v.event_time
FROM (SELECT DISTINCT ON ({h_keys}) h.* FROM {history} h WHERE h.event_time OPERATOR(pg_catalog.<=) {at}
      ORDER BY {h_keys}, h.event_time DESC, h.version_id DESC) v
WHERE NOT v.deleted

-- name: aged
-- A feature, NULL once it is older than the set's max_age.
CASE WHEN v.event_time OPERATOR(pg_catalog.>=) ($1 OPERATOR(pg_catalog.-) {max_age}) THEN {column} END AS {name}

-- name: comment
-- What marks an object as fsdb's own, and tells which text made it.
COMMENT ON {kind} {signature} IS {text}

-- name: drop
-- Removes an object.
DROP {kind} {signature}
