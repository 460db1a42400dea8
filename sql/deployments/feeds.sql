-- name: relation
-- The relations that a name may mean, schema first: what they are, and what fsdb may do with them.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
       c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)) AS inherits,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       ARRAY(SELECT wanted.name FROM unnest(ARRAY['SELECT', 'UPDATE', 'TRIGGER']) wanted(name)
             WHERE NOT pg_catalog.has_table_privilege(c.oid, wanted.name)) AS lacking
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (n.nspname || '.' || c.relname = %(name)s OR n.nspname = 'public' AND c.relname = %(name)s)
ORDER BY n.nspname || '.' || c.relname = %(name)s DESC
LIMIT 1

-- name: columns
-- Columns of a table in order; of a domain the type below it.
WITH RECURSIVE below (attnum, type, typmod) AS (
    SELECT a.attnum, a.atttypid, a.atttypmod FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype, t.typtypmod FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype = 'd'
)
SELECT a.attname::text AS name, pg_catalog.format_type(b.type, b.typmod) AS type, a.attgenerated::text AS generated
FROM pg_catalog.pg_attribute a JOIN below b USING (attnum) JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd'
WHERE a.attrelid = %(oid)s
ORDER BY a.attnum

-- name: collations
-- Columns of a table with a collation that is not their type's own.
SELECT a.attname::text, ln.nspname::text, l.collname::text
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation <> t.typcollation

-- name: primary_key
-- Columns of a table's primary key in order.
SELECT a.attname::text FROM pg_catalog.pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(attnum, position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %(oid)s AND i.indisprimary AND k.position <= i.indnkeyatts ORDER BY k.position

-- name: isolation
-- The isolation level of the transaction.
SELECT pg_catalog.current_setting('transaction_isolation')

-- name: installed
-- The triggers that call functions of a feed, with their tables, and those functions.
SELECT p.proname::text, tn.nspname::text, tc.relname::text, t.tgname::text
FROM pg_catalog.pg_proc p
LEFT JOIN pg_catalog.pg_trigger t ON t.tgfoid = p.oid
LEFT JOIN pg_catalog.pg_class tc ON tc.oid = t.tgrelid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace
WHERE p.pronamespace = pg_catalog.to_regnamespace(%(models)s) AND p.proname ~ %(pattern)s

-- name: relation_comment
-- The comment of a relation, and whether it is a view.
SELECT c.relkind = 'v', pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- name: add_link
-- Adds the column that tells which row of the source a prediction is of.
ALTER TABLE {table} ADD COLUMN {column} {type}{collation} NOT NULL

-- name: collation
-- As the source compares it, or indexes would not serve.
 COLLATE {collation}

-- name: recollated
-- A column as history compares it, or its index would not serve.
{column} COLLATE pg_catalog."default"

-- name: comment_link
-- Says what it is.
COMMENT ON COLUMN {table}.{column} IS {comment}

-- name: link_index
-- Finds the predictions of a row of the source, the newest first.
CREATE INDEX ON {table} ({links}, prediction_id DESC)

-- name: add_result
-- Adds a column that shows the newest prediction.
ALTER TABLE {source} ADD COLUMN {column} {type}

-- name: comment_result
-- Says what it is.
COMMENT ON COLUMN {source}.{column} IS {comment}

-- name: drop_result
-- Takes such a column away again.
ALTER TABLE {source} DROP COLUMN IF EXISTS {column}

-- name: drop_trigger
-- Removes a trigger.
DROP TRIGGER {trigger} ON {table}

-- name: create_view
-- Rows of the source with their newest predictions.
CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS
SELECT {a_columns}, {results}
FROM {source} a
LEFT JOIN LATERAL (SELECT p.* FROM {records} p WHERE {p_is_a} ORDER BY p.prediction_id DESC LIMIT 1) AS p ON true

-- name: aliased
-- A column under another name.
{column} AS {name}

-- name: comment_view
-- Says what the view is, and by which text it was made.
COMMENT ON VIEW {view} IS {comment}

-- name: drop_view
-- Removes the view.
DROP VIEW IF EXISTS {view}

-- name: function
-- A feed's trigger function. It runs with its owner's rights, so that an application needs no right on the predictions. Its plans are
-- kept for a session and must suit one row and many alike: joins of transition tables are never nested loops.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS {body}

-- name: planned_function
-- A feed's trigger function whose statement is planned anew each time, for as many rows as there are.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS {body}

-- name: own_code
-- True, once the planner has asked whether code of others would run here with the rights of fsdb.
fsdb.own_code({table_name}, {purpose}, {writes})

-- name: plain_types
-- True, once the planner has asked whether the columns are of types without code of others.
fsdb.plain_types({table_name}, {read}, {written})

-- name: fitting_types
-- The same, and whether the table of predictions keeps their values as they are.
fsdb.plain_types({table_name}, {read}, {written}, {records_name}, {taken}, {given})

-- name: same_table
-- The trigger may be on a table that has another name by now, whose columns are not those that the planner asks about.
IF TG_RELID IS DISTINCT FROM to_regclass({table_name})::oid THEN
    PERFORM fsdb.plain_types(TG_RELID::regclass::text, {read}, {written});
END IF;

-- name: same_fitting_table
-- The same of a table whose rows are recorded.
IF TG_RELID IS DISTINCT FROM to_regclass({table_name})::oid THEN
    PERFORM fsdb.plain_types(TG_RELID::regclass::text, {read}, {written}, {records_name}, {taken}, {given});
END IF;

-- name: inserted
-- After INSERT: a record of each row.
BEGIN
    {same_table}
    INSERT INTO {records} ({columns}) SELECT {n_values} FROM new_rows n WHERE {plain_types} AND {records_own_code};
    RETURN NULL;
END

-- name: inserted_aside
-- After INSERT, for a shadow: whatever becomes of it, the insert beside which it scores goes on.
BEGIN
    INSERT INTO {records} ({columns}) SELECT {n_values} FROM new_rows n WHERE {records_own_code};
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'fsdb: %.% lacks rows of its shadow: %', TG_TABLE_SCHEMA, TG_TABLE_NAME, SQLERRM;
    RETURN NULL;
END

-- name: updated
-- After UPDATE: a record of each row whose key or inputs are not what they were.
BEGIN
    {same_table}
    INSERT INTO {records} ({columns}) SELECT {n_values} FROM new_rows n
    WHERE {plain_types} AND {records_own_code}
          AND NOT EXISTS (SELECT FROM old_rows o WHERE {o_is_n} AND NOT record_image_ne(ROW({o_values}), ROW({n_values})));
    RETURN NULL;
END

-- name: scored
-- Before INSERT or UPDATE of a row that shows its prediction: the record is made, and its results go into the row.
DECLARE
    made record;
BEGIN
    {same_table}
    -- A row that is not to be: without a key it is refused, and with one that is there already, too, or ON CONFLICT says what
    -- happens then. Should that other row go meanwhile, the trigger for rows without a prediction scores it.
    IF {plain_types} AND {source_own_code} AND TG_OP = 'INSERT' AND ({new_is_null} OR EXISTS (SELECT FROM {source} a WHERE {a_is_new})) THEN
{nulls}
        RETURN NEW;
    END IF;
    INSERT INTO {records} AS p ({columns}) SELECT {new_values} WHERE {records_own_code} RETURNING {p_results} INTO made;
{assigned}
    RETURN NEW;
END

-- name: missed
-- After INSERT of a row that has no prediction yet.
BEGIN
    {same_table}
    PERFORM FROM {source} a WHERE {plain_types} AND {source_own_writes} AND false;
    WITH made AS (INSERT INTO {records} AS p ({columns}) SELECT {new_values} WHERE {records_own_code} RETURNING {p_results})
    UPDATE {source} a SET {sets} FROM made WHERE {source_own_writes} AND {a_is_new};
    RETURN NULL;
END

-- name: kept
-- Before an UPDATE that changes what a row shows of its prediction: only what is recorded for the row may stand there.
BEGIN
    {same_table}
    IF NOT ({plain_types} AND EXISTS (SELECT FROM {records} p WHERE p.prediction_id = {new_id} AND {p_is_new}
                   AND NOT record_image_ne(ROW({p_results}), ROW({new_results})))) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = {message}, HINT = {hint};
    END IF;
    RETURN NEW;
END

-- name: looked_up
-- After a change of features: rows that are looked up by the changed keys are scored again. A statement without rows does nothing:
-- where the source is the feature set's own table and shows its predictions, this trigger fires itself.
BEGIN
{unless_rows}
    -- Whoever dropped or renamed that table must not find features frozen.
    IF to_regclass({source_name}) IS NULL THEN
        RAISE WARNING USING MESSAGE = {gone_message};
        RETURN NULL;
    END IF;
    -- Nor whoever took away a right that is needed. What the source runs when it is read, or written where rows show their predictions, is
    -- asked before any of that is planned, and stays so until this transaction ends.
    BEGIN
        LOCK TABLE {source} IN ROW EXCLUSIVE MODE;
        PERFORM FROM {source} a WHERE {source_own_code} AND false;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE WARNING USING MESSAGE = {unfit_message} || ' (' || SQLERRM || ')', HINT = 'fsdb doctor says what to do.';
        RETURN NULL;
    END;
    PERFORM FROM {records} p WHERE {records_own_code} AND false;
    -- Nor whoever took away a column, or gave one another type: then planning tells whether it can go on.
    IF NOT (SELECT count(*) = cardinality({taken}::name[])
            FROM unnest({taken}::name[], {given}::name[]) AS pair(taken, given)
            JOIN pg_attribute s ON s.attrelid = to_regclass({source_name}) AND s.attname = pair.taken AND NOT s.attisdropped
            JOIN pg_attribute r ON r.attrelid = to_regclass({records_name}) AND r.attname = pair.given AND r.atttypid = s.atttypid) THEN
        BEGIN
            PERFORM fsdb.plain_types({source_name} || left(TG_NAME, 0), {read}, {written}, {records_name}, {taken}, {given});
            EXECUTE 'EXPLAIN ' || {statement} USING clock_timestamp();
        EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
            RAISE WARNING USING MESSAGE = {unfit_message} || ' (' || SQLERRM || ')', HINT = 'fsdb doctor says what to do.';
            RETURN NULL;
        END;
    END IF;
    EXECUTE {statement} USING clock_timestamp();
    RETURN NULL;
END

-- name: unless_rows
-- Unless the statement changed rows, of columns without code of others.
    {same_table}
    IF NOT EXISTS (SELECT FROM {rows} WHERE {plain_types}) THEN
        RETURN NULL;
    END IF;

-- name: rescore
-- A record of each row whose newest one did not read the version that holds now: so late values score nothing. The rows are locked:
-- an update of their inputs goes first or waits, and of two changes of features the later one sees both.
INSERT INTO {records} AS p ({columns})
SELECT {a_values} FROM {source} a JOIN ({changed}) c ON {a_is_c}
WHERE NOT EXISTS (
    SELECT FROM (SELECT p.{version} AS seen FROM {records} p WHERE {p_is_a} ORDER BY p.prediction_id DESC LIMIT 1) AS last
    WHERE last.seen IS NOT DISTINCT FROM (SELECT held.version_id FROM ({newest}) AS held)
)
ORDER BY {a_links} FOR NO KEY UPDATE OF a

-- name: rescore_shown
-- The same where rows show their predictions.
WITH made AS ({rescore} RETURNING {p_shown}) UPDATE {source} a SET {sets} FROM made WHERE {a_is_made}

-- name: changed_insert
-- Keys whose features came.
SELECT DISTINCT {n_keys} FROM new_rows n

-- name: changed_update
-- Keys whose features are not what they were.
SELECT {n_keys} FROM new_rows n
WHERE NOT EXISTS (SELECT FROM old_rows o WHERE {o_key_is_n} AND NOT record_image_ne(ROW({o_features}), ROW({n_features})))
UNION
SELECT {o_keys} FROM old_rows o WHERE NOT EXISTS (SELECT FROM new_rows n WHERE {o_key_is_n})

-- name: changed_delete
-- Keys whose features went.
SELECT DISTINCT {o_keys} FROM old_rows o

-- name: changed_truncate
-- The same, by the tombstones that this transaction has just written.
SELECT DISTINCT {h_keys} FROM {history} h WHERE h.deleted AND h.xid = pg_current_xact_id()

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
-- Fires once a statement.
CREATE OR REPLACE TRIGGER {trigger} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()

-- name: before_insert_row
-- Fires for each row.
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()

-- name: after_insert_row
-- Fires for rows that were not scored when they came.
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT ON {table} FOR EACH ROW WHEN ({missed}) EXECUTE FUNCTION {function}()

-- name: before_update_row
-- Fires for rows of which one of some columns changes.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN (pg_catalog.record_image_ne(ROW({old}), ROW({new}))) EXECUTE FUNCTION {function}()

-- name: keep_links
-- Refuses changes of what a prediction is of.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
WHEN (pg_catalog.record_image_ne(ROW({old}), ROW({new}))) EXECUTE FUNCTION fsdb.refuse_prediction_change()

-- name: pages
-- How many pages a table has.
SELECT pg_catalog.pg_relation_size({name}::regclass) / pg_catalog.current_setting('block_size')::bigint

-- name: backfill
-- A record of each row on some pages of the source.
WITH made AS (
    INSERT INTO {records} ({columns}) SELECT {a_values} FROM {source} a WHERE {on_pages} RETURNING 1
) SELECT count(*) FROM made

-- name: backfill_shown
-- The same where rows show their predictions; those that have moved to later pages by that have theirs.
WITH made AS (
    INSERT INTO {records} AS p ({columns}) SELECT {a_values} FROM {source} a WHERE {on_pages} AND {a_id} IS NULL
    RETURNING {p_shown}
), shown AS (
    UPDATE {source} a SET {sets} FROM made WHERE {a_is_made} RETURNING 1
) SELECT count(*) FROM shown

-- name: backfill_rows
-- Rows on some pages of the source as the model table takes them, to be scored together.
SELECT {a_typed} FROM {source} a WHERE {on_pages}

-- name: backfill_rows_shown
-- The same where rows show their predictions.
SELECT {a_typed} FROM {source} a WHERE {on_pages} AND {a_id} IS NULL

-- name: typed
-- A column of the source as the model table has it.
{value}::{type} AS {name}

-- name: show_made
-- The predictions that were just recorded, in the rows that they are of.
UPDATE {source} a SET {sets} FROM {records} made WHERE made.prediction_id = ANY (%(made)s::bigint[]) AND {a_is_made}

-- name: on_pages
-- Rows on pages, the second one excluded.
a.ctid >= {first}::tid AND a.ctid < {beyond}::tid
