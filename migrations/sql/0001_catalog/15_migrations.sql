CREATE TABLE fsdb.catalog_migrations (
    revision text PRIMARY KEY,
    fingerprint text NOT NULL,
    additive boolean NOT NULL DEFAULT false,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.catalog_migrations IS 'The catalog''s migrations as they were when they ran here: their fingerprints tell another build of the same revision apart.';
COMMENT ON COLUMN fsdb.catalog_migrations.revision IS 'The migration''s revision.';
COMMENT ON COLUMN fsdb.catalog_migrations.fingerprint IS 'Fingerprint of the migration''s SQL texts, up and down, without comment lines.';
COMMENT ON COLUMN fsdb.catalog_migrations.additive IS 'Whether the migration only added to the catalog, so that an fsdb that does not know it works beside it.';
COMMENT ON COLUMN fsdb.catalog_migrations.applied_at IS 'When the migration ran here.';

-- Alembic makes this table before the first migration runs.
COMMENT ON TABLE fsdb.catalog_version IS 'One row with the revision that the catalog is at. Alembic keeps it.';
COMMENT ON COLUMN fsdb.catalog_version.version_num IS 'The revision that the catalog is at.';
