CREATE FUNCTION fsdb.window_bound(at timestamptz, back bigint, step bigint DEFAULT 1) RETURNS timestamptz LANGUAGE sql STABLE STRICT PARALLEL SAFE
-- In microseconds: an interval's days are longer or shorter where clocks change.
RETURN CASE
    WHEN NOT isfinite(at) THEN at
    WHEN at < '4713-01-01 00:00:00+00 BC'::timestamptz + back * interval '1 microsecond' THEN '-infinity'::timestamptz
    WHEN step = 1 THEN at - back * interval '1 microsecond'
    -- What lies beyond the multiple is taken off, so that no number is larger than the time itself.
    ELSE at - (back + mod(mod(extract(epoch FROM at) * 1000000 - back, step) + step, step)::bigint) * interval '1 microsecond'
END;
COMMENT ON FUNCTION fsdb.window_bound(timestamptz, bigint, bigint) IS 'The moment so many microseconds before another, rounded down to a multiple of step microseconds since 1970; -infinity where PostgreSQL has no such time.';

CREATE FUNCTION fsdb.refuse_sum(feature text, entity text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE numeric_value_out_of_range USING
        MESSAGE = format('The sum %s of %s is beyond bigint.', feature, entity),
        HINT = 'Make the column numeric or double precision, or the window shorter.';
END
$$;
COMMENT ON FUNCTION fsdb.refuse_sum(text, text) IS 'Refuses a sum of integers that is no bigint, by the names of its feature and entity.';
