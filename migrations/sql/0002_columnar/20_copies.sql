CREATE TABLE fsdb.warehouses (
    warehouse_number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    warehouse_id      text NOT NULL UNIQUE DEFAULT gen_random_uuid()::text,
    system_identifier bigint NOT NULL,
    database_oid      oid NOT NULL,
    timeline          bigint NOT NULL,
    data_directory    text
);
COMMENT ON TABLE fsdb.warehouses IS 'The folder that this database''s columnar copies are in, beside those of others: the last row that fits the server. A database made from a dump, a template, a base backup or a standby gets one of its own: no two write or clean up the same files.';
COMMENT ON COLUMN fsdb.warehouses.warehouse_number IS 'The row''s number; the highest that fits the server counts.';
COMMENT ON COLUMN fsdb.warehouses.warehouse_id IS 'The name of the folder, which no other database has.';
COMMENT ON COLUMN fsdb.warehouses.system_identifier IS 'The identifier of the server that it is for (pg_control_system).';
COMMENT ON COLUMN fsdb.warehouses.database_oid IS 'The number (oid) of the database that it is for.';
COMMENT ON COLUMN fsdb.warehouses.timeline IS 'The server''s timeline: a standby that is promoted, and a server that is put back to an earlier moment, begin another.';
COMMENT ON COLUMN fsdb.warehouses.data_directory IS 'Where the server has its data; NULL where nobody who may see that has worked on copies yet.';

CREATE TABLE fsdb.warehouse_claims (
    folder   text NOT NULL,
    word     text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (folder, word)
);
COMMENT ON TABLE fsdb.warehouse_claims IS 'Words that this database left in its folder of copies, as files claim-<word>. Any other word there is a clone''s, which has gone on with the folder.';
COMMENT ON COLUMN fsdb.warehouse_claims.folder IS 'The folder that the word was left in.';
COMMENT ON COLUMN fsdb.warehouse_claims.word IS 'The word.';
COMMENT ON COLUMN fsdb.warehouse_claims.noted_at IS 'When the word was left.';

CREATE TABLE fsdb.copies (
    feature_set     text PRIMARY KEY REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    table_namespace text NOT NULL,
    table_name      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    former_folders  text[] NOT NULL DEFAULT '{}',
    UNIQUE (table_namespace, table_name)
);
COMMENT ON TABLE fsdb.copies IS 'Feature sets that have a columnar copy, and which table of the Iceberg catalog it is. The table''s snapshots say what it holds.';
COMMENT ON COLUMN fsdb.copies.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.copies.table_namespace IS 'The namespace of the copy''s table in Iceberg''s catalog.';
COMMENT ON COLUMN fsdb.copies.table_name IS 'The name of the copy''s table in Iceberg''s catalog.';
COMMENT ON COLUMN fsdb.copies.created_at IS 'When the first sync made the copy.';
COMMENT ON COLUMN fsdb.copies.former_folders IS 'Folders that hold files of the copy beside its own: of the database that this one was restored or cloned from. No file anywhere else is read.';

CREATE TABLE fsdb.copy_leftovers (
    location text PRIMARY KEY,
    folder   boolean NOT NULL,
    left_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.copy_leftovers IS 'Files of columnar copies that newer files replaced, and folders of dropped copies: kept for a while for readers, then removed by fsdb sync --expire.';
COMMENT ON COLUMN fsdb.copy_leftovers.location IS 'Where the file or folder is.';
COMMENT ON COLUMN fsdb.copy_leftovers.folder IS 'Whether it is a folder.';
COMMENT ON COLUMN fsdb.copy_leftovers.left_at IS 'Since when nothing needs it.';

CREATE SCHEMA fsdb_iceberg;
COMMENT ON SCHEMA fsdb_iceberg IS 'An Iceberg catalog of the columnar copies, as every engine with a JDBC or SQL catalog reads it; catalog name fsdb.';

CREATE TABLE fsdb_iceberg.iceberg_tables (
    catalog_name               varchar(255) NOT NULL,
    table_namespace            varchar(255) NOT NULL,
    table_name                 varchar(255) NOT NULL,
    metadata_location          varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type               varchar(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
COMMENT ON TABLE fsdb_iceberg.iceberg_tables IS 'Iceberg''s own layout: each table and where its current metadata is.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.catalog_name IS 'The catalog''s name, which is always fsdb.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.table_namespace IS 'The namespace that the table is in: the schema of a feature set.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.table_name IS 'The table''s name.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.metadata_location IS 'Where the table''s present metadata is.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.previous_metadata_location IS 'Where the metadata before it is; NULL: there is none.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_tables.iceberg_type IS 'What it is: TABLE.';

CREATE TABLE fsdb_iceberg.iceberg_namespace_properties (
    catalog_name   varchar(255) NOT NULL,
    namespace      varchar(255) NOT NULL,
    property_key   varchar(255) NOT NULL,
    property_value varchar(1000) NOT NULL,
    PRIMARY KEY (catalog_name, namespace, property_key)
);
COMMENT ON TABLE fsdb_iceberg.iceberg_namespace_properties IS 'Iceberg''s own layout: namespaces, which are the schemas of the feature sets.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_namespace_properties.catalog_name IS 'The catalog''s name, which is always fsdb.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_namespace_properties.namespace IS 'The namespace: a schema of feature sets.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_namespace_properties.property_key IS 'The property''s name.';
COMMENT ON COLUMN fsdb_iceberg.iceberg_namespace_properties.property_value IS 'The property''s value.';
