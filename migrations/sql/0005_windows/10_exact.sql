-- Sums of doubles without rounding: each double is a number with finitely many digits, and so is a sum of them. Rounding happens once, at the end.

CREATE FUNCTION fsdb.exact_far(x double precision) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bits bigint := ('x' || encode(float8send(x), 'hex'))::bit(64)::bigint;
    power integer := (bits >> 52) & 2047;
    digits numeric := bits & 4503599627370495;
BEGIN
    IF power = 2047 THEN
        RETURN x::numeric;
    END IF;
    IF power = 0 THEN
        power := 1;
    ELSE
        digits := digits + 4503599627370496;
    END IF;
    power := power - 1075;
    IF bits < 0 THEN
        digits := -digits;
    END IF;
    -- 2^-n is 5^n / 10^n.
    RETURN CASE WHEN power >= 0 THEN digits * trunc(2::numeric ^ power) ELSE digits * trunc(5::numeric ^ -power) * ('1e' || power)::numeric END;
END
$$;
COMMENT ON FUNCTION fsdb.exact_far(double precision) IS 'The number that a double is, without rounding, of any size; NaN and infinities stay what they are.';

CREATE FUNCTION fsdb.exact(x double precision) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- Two whole numbers of 52 bits where the double has no digit below 2^-104: eight times as fast.
RETURN CASE
    WHEN abs(x) >= 1 AND abs(x) < 9.2e18 THEN
        trunc(x)::bigint::numeric
        + trunc((x - trunc(x)) * 4503599627370496)::bigint::numeric * 0.0000000000000002220446049250313080847263336181640625
    WHEN abs(x) >= 2.3e-16 AND abs(x) < 1 THEN
        trunc(x * 4503599627370496)::bigint::numeric * 0.0000000000000002220446049250313080847263336181640625
        + trunc((x * 4503599627370496 - trunc(x * 4503599627370496)) * 4503599627370496)::bigint::numeric
        * 0.00000000000000000000000000000004930380657631323783823303533017413935457540219431393779814243316650390625
    WHEN x = 0 THEN 0::numeric
    ELSE fsdb.exact_far(x)
END;
COMMENT ON FUNCTION fsdb.exact(double precision) IS 'The number that a double is, without rounding; NaN and infinities stay what they are.';

CREATE FUNCTION fsdb.nearest_far(x numeric) RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF abs(x) >= trunc(2::numeric ^ 1024) - trunc(2::numeric ^ 970) THEN
        RETURN sign(x)::double precision * 'Infinity'::double precision;
    END IF;
    -- Half of the least double, 2^-1075, is rounded to the even one, which is 0.
    IF abs(x) <= trunc(5::numeric ^ 1075) * '1e-1075'::numeric THEN
        RETURN 0;
    END IF;
    RETURN x::double precision;
END
$$;
COMMENT ON FUNCTION fsdb.nearest_far(numeric) IS 'The double nearest to a number of any size: an infinity beyond the greatest, 0 below the least.';

CREATE FUNCTION fsdb.nearest(x numeric) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN abs(x) < 1e300 AND (abs(x) > 1e-300 OR x = 0) THEN x::double precision ELSE fsdb.nearest_far(x) END;
COMMENT ON FUNCTION fsdb.nearest(numeric) IS 'The double nearest to a number: an infinity beyond the greatest, 0 below the least.';

CREATE FUNCTION fsdb.quotient_far(x double precision, y double precision) RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The division itself would be an error where the quotient rounds to 0: at half of the least double, 2^-1075, or below.
    IF fsdb.exact(abs(x)) * trunc(2::numeric ^ 1075) <= fsdb.exact(y) THEN
        RETURN 0;
    END IF;
    RETURN x / y;
END
$$;
COMMENT ON FUNCTION fsdb.quotient_far(double precision, double precision) IS 'x / y for any x and a whole y from 1 on, 0 where that is below the least double.';

CREATE FUNCTION fsdb.quotient(x double precision, y double precision) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN abs(x) < 1e-290 AND x <> 0 THEN fsdb.quotient_far(x, y) ELSE x / y END;
COMMENT ON FUNCTION fsdb.quotient(double precision, double precision) IS 'x / y for a whole y from 1 on, 0 where that is below the least double.';
