CREATE TABLE fsdb.catalog_migrations (
    revision text PRIMARY KEY,
    fingerprint text NOT NULL,
    additive boolean NOT NULL DEFAULT false,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.catalog_migrations IS 'The catalog''s migrations as they were when they ran here: by these another build of the same revision is told apart.';
COMMENT ON COLUMN fsdb.catalog_migrations.revision IS 'The migration''s revision.';
COMMENT ON COLUMN fsdb.catalog_migrations.fingerprint IS 'Of the migration''s SQL texts, both ways, without their lines of comment.';
COMMENT ON COLUMN fsdb.catalog_migrations.additive IS 'Whether the migration only added to the catalog, so that an fsdb that does not know it works beside it.';
COMMENT ON COLUMN fsdb.catalog_migrations.applied_at IS 'When the migration ran here.';

-- Alembic makes this table before the first migration runs.
COMMENT ON TABLE fsdb.catalog_version IS 'One row with the revision that the catalog is at. Alembic keeps it.';
COMMENT ON COLUMN fsdb.catalog_version.version_num IS 'The revision that the catalog is at.';
