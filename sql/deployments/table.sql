-- name: relation_kind
-- What stands under a name: 'table', 'view', 'type' …, or nothing.
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                      WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence'
                      WHEN 'i' THEN 'index' ELSE 'relation' END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
UNION ALL
SELECT 'type'
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %(schema)s AND t.typname = %(table)s
LIMIT 1

-- name: schema_exists
-- Whether there is a schema of that name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s)

-- name: columns
-- Columns of a table with their types, in order.
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: create
-- A model table: what the application gives, what the model gives, and what lineage needs. The sequence stays the column's own.
CREATE TABLE {table} (
    prediction_id bigserial PRIMARY KEY,
    {columns}
)

-- name: own_numbers
-- The scoring trigger alone draws numbers. A default, or an identity, would leave it unable to tell a number that was drawn from one
-- that an application chose.
ALTER TABLE {table} ALTER COLUMN prediction_id DROP DEFAULT

-- name: numbers
-- The sequence that numbers a model table's rows, as SQL writes its name.
SELECT pg_catalog.pg_get_serial_sequence(c.oid::pg_catalog.regclass::pg_catalog.text, 'prediction_id')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'prediction_id' AND NOT a.attisdropped
WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: column
-- A column of the model table.
{column} {type}

-- name: column_always
-- A column that each scored row fills.
{column} {type} NOT NULL

-- name: add
-- Adds a column that a new release needs; older rows have NULL.
ALTER TABLE {table} ADD COLUMN {column} {type}

-- name: requires
-- Whether a column may not be NULL.
SELECT a.attnotnull
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attname = %(column)s AND NOT a.attisdropped

-- name: allow_null
-- Lets rows be recorded whose prediction is not there, or not yet.
ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL

-- name: index_moments
-- Rows of a time are found without reading all of them; a block range index costs an insert nearly nothing.
CREATE INDEX ON {table} USING brin (scored_at)

-- name: comment_table
-- Says what the table is.
COMMENT ON TABLE {table} IS {comment}

-- name: comment_column
-- Says what a column is.
COMMENT ON COLUMN {table}.{column} IS {comment}

-- name: score_trigger
-- Scores each inserted row. The name sorts last, so that an application's own triggers have finished the row by then. The
-- table's owner alone may record rows that were scored elsewhere.
CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT ON {table}
FOR EACH ROW WHEN (new.scored_by IS NULL OR NOT fsdb.owns({name}::pg_catalog.regclass))
EXECUTE FUNCTION {function}()

-- name: keep_trigger
-- Refuses changes of what was recorded. The rows are compared by the function, not its operator: a dump would write that
-- without the cast to records, and a restore not take it.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table}
FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW({old}), ROW({new})))
EXECUTE FUNCTION fsdb.refuse_prediction_change()

-- name: has_rows
-- Whether anything was predicted.
SELECT EXISTS (SELECT FROM {table})

-- name: drop_table
-- Removes a model table; fails where other objects depend on it.
DROP TABLE {table}
