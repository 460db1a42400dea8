CREATE FUNCTION fsdb.new_generation() RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ('x' || right(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint
$$;
COMMENT ON FUNCTION fsdb.new_generation IS 'A number that never came before, also not in another database or in a transaction that was rolled back: 62 random bits.';

CREATE TABLE fsdb.catalog_generation (
    generation bigint NOT NULL
);
CREATE UNIQUE INDEX catalog_generation_one ON fsdb.catalog_generation ((true));
INSERT INTO fsdb.catalog_generation VALUES (fsdb.new_generation());
ANALYZE fsdb.catalog_generation;
COMMENT ON TABLE fsdb.catalog_generation IS 'One row that changes whenever a definition does, so that a client knows when what it compiled is out of date.';
COMMENT ON COLUMN fsdb.catalog_generation.generation IS 'A number that changes with every change of a definition.';

CREATE FUNCTION fsdb.next_catalog_generation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE fsdb.catalog_generation SET generation = fsdb.new_generation()
    WHERE fsdb.own_code('fsdb.catalog_generation', 'Changing a definition', true);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fsdb.next_catalog_generation FROM PUBLIC;
COMMENT ON FUNCTION fsdb.next_catalog_generation IS 'Tells clients that a definition changed.';

CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsdb.feature_sets
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.next_catalog_generation();
CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsdb.feature_set_keys
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.next_catalog_generation();
CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsdb.features
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.next_catalog_generation();

CREATE TABLE fsdb.training_views (
    name             text PRIMARY KEY,
    schema_name      text NOT NULL,
    spine            text NOT NULL,
    timestamp_column text NOT NULL,
    label            text,
    description      text NOT NULL DEFAULT '',
    tags             text[] NOT NULL DEFAULT '{}',
    owner            text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.training_views IS 'Training views: a spine query, its timestamp column, a label and features. Each is a view <name>_training and a function <name>_vector too.';
COMMENT ON COLUMN fsdb.training_views.name IS 'As users write it: "view" in schema public, else "schema.view".';
COMMENT ON COLUMN fsdb.training_views.schema_name IS 'The schema of its table.';
COMMENT ON COLUMN fsdb.training_views.spine IS 'The query whose rows the training set has.';
COMMENT ON COLUMN fsdb.training_views.timestamp_column IS 'The spine''s column of moments at which features are read.';
COMMENT ON COLUMN fsdb.training_views.label IS 'The column of labels; NULL: there is none.';
COMMENT ON COLUMN fsdb.training_views.description IS 'What the view is for, in words.';
COMMENT ON COLUMN fsdb.training_views.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.training_views.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.training_views.created_at IS 'When the view was defined.';

CREATE TABLE fsdb.training_view_features (
    training_view text NOT NULL REFERENCES fsdb.training_views ON DELETE CASCADE,
    position      integer NOT NULL,
    feature_id    integer NOT NULL REFERENCES fsdb.features,
    PRIMARY KEY (training_view, position),
    UNIQUE (training_view, feature_id)
);
CREATE INDEX training_view_features_by_feature ON fsdb.training_view_features (feature_id);
COMMENT ON TABLE fsdb.training_view_features IS 'The features of training views, in order.';
COMMENT ON COLUMN fsdb.training_view_features.training_view IS 'The training view''s name.';
COMMENT ON COLUMN fsdb.training_view_features.position IS 'The feature''s place in the view, from 1 on.';
COMMENT ON COLUMN fsdb.training_view_features.feature_id IS 'The feature''s number in fsdb.features.';

CREATE TABLE fsdb.training_sets (
    name             text PRIMARY KEY,
    training_view    text,
    spine            text,
    timestamp_column text NOT NULL,
    label            text,
    known            text NOT NULL CHECK (known IN ('now', 'then', 'at')),
    known_at         timestamptz CHECK ((known = 'at') = (known_at IS NOT NULL)),
    snapshot         pg_snapshot NOT NULL,
    own_xid          xid8,
    engine           text NOT NULL,
    row_count        bigint NOT NULL,
    late_values      bigint NOT NULL,
    content_hash     text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.training_sets IS 'Saved training sets: everything that is needed to build each again, hash for hash. Their spines are the tables of the same names in schema fsdb_training.';
COMMENT ON COLUMN fsdb.training_sets.name IS 'The training set''s name.';
COMMENT ON COLUMN fsdb.training_sets.training_view IS 'The view that it was built from, as it was named then; NULL where it had none.';
COMMENT ON COLUMN fsdb.training_sets.spine IS 'The query that gave the spine; NULL where that was a data frame.';
COMMENT ON COLUMN fsdb.training_sets.timestamp_column IS 'The spine''s column of moments at which features are read.';
COMMENT ON COLUMN fsdb.training_sets.label IS 'The column of labels; NULL: there is none.';
COMMENT ON COLUMN fsdb.training_sets.known IS 'Which versions counted: all of the snapshot (now), those recorded by each row''s own timestamp (then), or by known_at (at).';
COMMENT ON COLUMN fsdb.training_sets.known_at IS 'The moment by which versions had to be recorded; NULL: none was given.';
COMMENT ON COLUMN fsdb.training_sets.snapshot IS 'What was committed when it was built: versions whose xid is visible in it counted.';
COMMENT ON COLUMN fsdb.training_sets.own_xid IS 'The transaction that built it: what that one had written before counted as well.';
COMMENT ON COLUMN fsdb.training_sets.engine IS 'The engine that built it: postgres, duckdb or spark.';
COMMENT ON COLUMN fsdb.training_sets.row_count IS 'How many rows it has.';
COMMENT ON COLUMN fsdb.training_sets.late_values IS 'How many feature values came from versions recorded after their row''s own timestamp.';
COMMENT ON COLUMN fsdb.training_sets.content_hash IS 'SHA-256 of the columns'' names, types and values.';
COMMENT ON COLUMN fsdb.training_sets.created_at IS 'When it was saved.';

CREATE TABLE fsdb.training_set_columns (
    training_set  text NOT NULL REFERENCES fsdb.training_sets ON DELETE CASCADE,
    position      integer NOT NULL,
    name          text NOT NULL,
    type          text NOT NULL,
    feature_id    integer REFERENCES fsdb.features,
    default_value text,
    content_hash  text NOT NULL,
    PRIMARY KEY (training_set, position),
    UNIQUE (training_set, name)
);
CREATE INDEX training_set_columns_by_feature ON fsdb.training_set_columns (feature_id);
COMMENT ON TABLE fsdb.training_set_columns IS 'Columns of saved training sets, with the features'' types and defaults as they were then. A feature of one may be dropped, its history stays.';
COMMENT ON COLUMN fsdb.training_set_columns.training_set IS 'The saved training set''s name.';
COMMENT ON COLUMN fsdb.training_set_columns.position IS 'The column''s place in the training set, from 1 on.';
COMMENT ON COLUMN fsdb.training_set_columns.name IS 'The column''s name.';
COMMENT ON COLUMN fsdb.training_set_columns.type IS 'The column''s type, as PostgreSQL calls it.';
COMMENT ON COLUMN fsdb.training_set_columns.feature_id IS 'NULL for a column of the spine.';
COMMENT ON COLUMN fsdb.training_set_columns.default_value IS 'The feature''s default as it was then; NULL: none.';
COMMENT ON COLUMN fsdb.training_set_columns.content_hash IS 'SHA-256 of the values, which tells the columns that differ.';

CREATE TABLE fsdb.training_set_snapshots (
    training_set text NOT NULL REFERENCES fsdb.training_sets ON DELETE CASCADE,
    feature_set  text NOT NULL REFERENCES fsdb.feature_sets ON DELETE CASCADE,
    high_version bigint NOT NULL,
    max_age      interval,
    PRIMARY KEY (training_set, feature_set)
);
COMMENT ON TABLE fsdb.training_set_snapshots IS 'Every feature set that there was when a training set was built. Versions above high_version came later, whatever their xid: a restored database counts xids anew.';
COMMENT ON COLUMN fsdb.training_set_snapshots.training_set IS 'The saved training set''s name.';
COMMENT ON COLUMN fsdb.training_set_snapshots.feature_set IS 'The feature set''s name.';
COMMENT ON COLUMN fsdb.training_set_snapshots.high_version IS 'The highest version_id that counted.';
COMMENT ON COLUMN fsdb.training_set_snapshots.max_age IS 'The set''s max_age then; NULL too where the training set has no feature of it.';
