-- name: create_schema
-- The schema of a set's live table, views and functions.
CREATE SCHEMA IF NOT EXISTS {schema}

-- name: create_live
-- A live table: one row a key. event_time has no default: unset, a trigger fills it.
CREATE TABLE {live} ({columns}, event_time timestamp with time zone NOT NULL, PRIMARY KEY ({keys}))

-- name: create_sequence
-- Numbers versions, one at a time: sessions that kept numbers in stock would put a key's versions out of order.
CREATE SEQUENCE {sequence} AS bigint CACHE 1

-- name: create_history
-- A history table: columns of the live table with its types and collations, none required but the keys.
CREATE TABLE {history} AS
SELECT NULL::bigint AS version_id, NULL::timestamptz AS event_time, NULL::timestamptz AS recorded_at, NULL::xid8 AS xid,
       NULL::boolean AS deleted, {columns}
FROM {live} WITH NO DATA

-- name: alter_history
-- Defaults are drawn after the row's lock is held, so a key's version_id follows the order of commits.
ALTER TABLE {history}
    ALTER version_id SET DEFAULT nextval({sequence_name}),
    ALTER xid SET DEFAULT pg_current_xact_id(), ALTER xid SET NOT NULL,
    ALTER deleted SET DEFAULT false, ALTER deleted SET NOT NULL,
    ALTER event_time SET NOT NULL, ALTER recorded_at SET NOT NULL, {keys_not_null},
    ADD CONSTRAINT {pkey} PRIMARY KEY (version_id)

-- name: key_not_null
-- A key column of history is never NULL.
ALTER {key} SET NOT NULL

-- name: own_sequence
-- The sequence goes with its table.
ALTER SEQUENCE {sequence} OWNED BY {history}.version_id

-- name: count_for_all
-- Who may read history must know how far it has been counted; how much was written PostgreSQL's statistics tell everybody as it is.
GRANT SELECT ON SEQUENCE {sequence} TO PUBLIC

-- name: create_newest_index
-- Finds the version that holds at a time in one descent.
CREATE INDEX {index} ON {history} ({keys}, event_time DESC, version_id DESC)

-- name: create_tombstone_index
-- Finds the tombstones of a transaction; without an entry it tells that the set has none.
CREATE INDEX {index} ON {history} (xid) WHERE deleted

-- name: comment_on_table
-- What a table is.
COMMENT ON TABLE {table} IS {text}

-- name: comment_on_column
-- What a column is.
COMMENT ON COLUMN {table}.{column} IS {text}

-- name: drop_table
-- Removes a table with its indexes and triggers, if it is there.
DROP TABLE IF EXISTS {table}

-- name: hold
-- Keeps a table's columns as they are until the end of the transaction.
LOCK TABLE {table} IN ACCESS SHARE MODE

-- name: first_versions
-- A first version of each row that a tracked table already has.
INSERT INTO {history} ({columns}, event_time, recorded_at)
SELECT {live_columns}, {time}, statement_timestamp() FROM {live} l

-- name: relation
-- Whether a relation of that name exists, and of which kind.
SELECT c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- name: owner
-- The owner of a history table.
SELECT pg_catalog.pg_get_userbyid(c.relowner)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
