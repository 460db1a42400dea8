CREATE TABLE fsdb.server (
    system_identifier bigint NOT NULL,
    adopted_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX server_one ON fsdb.server ((true));
INSERT INTO fsdb.server (system_identifier) SELECT system_identifier FROM pg_control_system();
COMMENT ON TABLE fsdb.server IS 'The server that counted the xids of new versions. Another one, after a dump was restored, counts anew.';
COMMENT ON COLUMN fsdb.server.system_identifier IS 'The server''s own identifier (pg_control_system).';
COMMENT ON COLUMN fsdb.server.adopted_at IS 'Since when this server counts.';

CREATE TABLE fsdb.server_mark (
    table_oid oid NOT NULL,
    row_xid   xid NOT NULL
);
CREATE UNIQUE INDEX server_mark_one ON fsdb.server_mark ((true));
INSERT INTO fsdb.server_mark (table_oid, row_xid) SELECT tableoid, xmin FROM fsdb.server;
COMMENT ON TABLE fsdb.server_mark IS 'Which table fsdb.server is, and which transaction wrote its row. A dump carries these numbers but cannot restore what they name, so a restored database differs from them, also on the server that it was dumped from or on a clone of it.';
COMMENT ON COLUMN fsdb.server_mark.table_oid IS 'The number (oid) of the table fsdb.server.';
COMMENT ON COLUMN fsdb.server_mark.row_xid IS 'The transaction that wrote the row of fsdb.server.';

ALTER TABLE fsdb.feature_sets ADD restored_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN fsdb.feature_sets.restored_version IS 'Versions up to this one came with a dump: all are committed, and their xids are another server''s.';

ALTER TABLE fsdb.training_set_snapshots ADD restored_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN fsdb.training_set_snapshots.restored_version IS 'The set''s restored_version then: versions up to it belong to the snapshot, whatever their xid.';
