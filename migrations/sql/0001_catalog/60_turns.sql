CREATE TABLE fsdb.turns (
    turn text PRIMARY KEY
);
COMMENT ON TABLE fsdb.turns IS 'What operations take turns at: definitions, warehouse, and the copy of each feature set. Whoever locks a row has the turn, so only a role that may write the catalog can keep others waiting.';
COMMENT ON COLUMN fsdb.turns.turn IS 'What the turn is for: definitions, warehouse, or a feature set''s copy.';
INSERT INTO fsdb.turns VALUES ('definitions'), ('warehouse');

CREATE TABLE fsdb.reading (
    nothing boolean CHECK (nothing IS NULL)
);
COMMENT ON TABLE fsdb.reading IS 'Has no rows. Reads of history as of a moment lock it in ROW SHARE mode, and retention in EXCLUSIVE mode while it commits, so no version leaves while it is read.';
COMMENT ON COLUMN fsdb.reading.nothing IS 'No row ever has a value here: the table is there to be locked.';

-- With its owner's rights: who may work on copies or definitions need not write these tables. The role setting outlives SECURITY DEFINER.
CREATE FUNCTION fsdb.take_turn(turn text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting text := CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class c WHERE c.relnamespace = 'fsdb'::regnamespace AND c.relname IN ('feature_sets', 'copies', 'warehouses')
          AND has_table_privilege(acting, c.oid, 'INSERT, UPDATE, DELETE')
    ) THEN
        RAISE EXCEPTION 'fsdb: role % may not change definitions or copies, so it takes no turn at them', acting
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO fsdb.turns AS t VALUES (take_turn.turn) ON CONFLICT DO NOTHING;
    PERFORM FROM fsdb.turns t WHERE t.turn = take_turn.turn FOR UPDATE;
END
$$;
COMMENT ON FUNCTION fsdb.take_turn IS 'Waits for other operations of one kind, and keeps them waiting until the transaction ends. For who may write the catalog.';

CREATE FUNCTION fsdb.hold_reading() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting text := CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END;
BEGIN
    IF NOT has_table_privilege(acting, 'fsdb.feature_sets', 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for table feature_sets' USING ERRCODE = 'insufficient_privilege';
    END IF;
    LOCK TABLE fsdb.reading IN ROW SHARE MODE;
END
$$;
COMMENT ON FUNCTION fsdb.hold_reading IS 'Keeps retention from removing versions until the transaction ends. For who may read definitions.';
