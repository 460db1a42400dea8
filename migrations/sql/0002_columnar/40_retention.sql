ALTER TABLE fsdb.feature_sets
    ADD retention interval CHECK (retention > interval '0' AND extract(month FROM retention) = 0 AND extract(year FROM retention) = 0),
    ADD reach timestamptz CHECK (isfinite(reach));
COMMENT ON COLUMN fsdb.feature_sets.retention IS 'Versions superseded for longer than this may leave PostgreSQL once the columnar copy is verified to hold them; NULL: none leave.';
COMMENT ON COLUMN fsdb.feature_sets.reach IS 'Reads as of this moment or later find every version in PostgreSQL; before it some are in the columnar copy alone. NULL: none ever left.';

CREATE FUNCTION fsdb.refuse_reach_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: the reach of feature set % is % and only moves forward: versions before it have left PostgreSQL', OLD.name, OLD.reach
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_reach_back FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_reach_back IS 'Trigger of fsdb.feature_sets: what has left PostgreSQL is not there again because a number says so.';
CREATE TRIGGER reach_moves_forward BEFORE UPDATE OF reach ON fsdb.feature_sets FOR EACH ROW
    WHEN (OLD.reach IS NOT NULL AND (NEW.reach IS NULL OR NEW.reach < OLD.reach)) EXECUTE FUNCTION fsdb.refuse_reach_back();

CREATE FUNCTION fsdb.reach(feature_set text) RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.reach FROM fsdb.feature_sets s WHERE s.name = $1
$$;
COMMENT ON FUNCTION fsdb.reach IS 'How far back PostgreSQL alone answers for a feature set, for whoever may read its views; NULL: for all of time.';

CREATE FUNCTION fsdb.within_reach(at timestamptz, reach timestamptz, feature_set text) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF at OPERATOR(pg_catalog.<) reach THEN
        RAISE EXCEPTION 'fsdb: feature set % is asked for as of %, and its versions before % are in the columnar copy alone', feature_set, at, reach
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'store.training_set(…) and store.as_of(…) read the copy.';
    END IF;
    RETURN at;
END
$$;
COMMENT ON FUNCTION fsdb.within_reach IS 'The moment itself where PostgreSQL alone can answer for it; an error where versions that it needs have left.';

CREATE TABLE fsdb.removals (
    removal_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feature_set   text NOT NULL,
    removed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    reach         timestamptz NOT NULL,
    versions      bigint NOT NULL CHECK (versions > 0),
    first_version bigint NOT NULL,
    last_version  bigint NOT NULL,
    copy_snapshot bigint NOT NULL,
    by            text NOT NULL DEFAULT session_user,
    CHECK (last_version - first_version + 1 >= versions)
);
CREATE INDEX removals_by_set ON fsdb.removals (feature_set, removed_at);
COMMENT ON TABLE fsdb.removals IS 'What retention removed from history tables, one row a run. Written by the functions that remove, in the same transaction; never changed.';
COMMENT ON COLUMN fsdb.removals.removal_id IS 'The removal''s number.';
COMMENT ON COLUMN fsdb.removals.feature_set IS 'The set by name; the record stays when the set is dropped.';
COMMENT ON COLUMN fsdb.removals.removed_at IS 'When the versions left PostgreSQL.';
COMMENT ON COLUMN fsdb.removals.reach IS 'The set''s reach from then on.';
COMMENT ON COLUMN fsdb.removals.versions IS 'How many versions left.';
COMMENT ON COLUMN fsdb.removals.first_version IS 'The lowest version_id that left; not all up to last_version did.';
COMMENT ON COLUMN fsdb.removals.last_version IS 'The highest version_id that left.';
COMMENT ON COLUMN fsdb.removals.copy_snapshot IS 'The Iceberg snapshot of the copy whose files were read back and found to hold each of these versions.';
COMMENT ON COLUMN fsdb.removals.by IS 'Which database user removed them.';

CREATE FUNCTION fsdb.refuse_removal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'fsdb: fsdb.removals records what left history and cannot be changed'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
REVOKE ALL ON FUNCTION fsdb.refuse_removal_change FROM PUBLIC;
COMMENT ON FUNCTION fsdb.refuse_removal_change IS 'Trigger of fsdb.removals: records stay as they were written.';
CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON fsdb.removals FOR EACH STATEMENT EXECUTE FUNCTION fsdb.refuse_removal_change();
