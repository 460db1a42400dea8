-- name: erase
-- Takes versions away for good, whatever holds them. Those who may call it erase or repair by fsdb, which leaves the record in the same
-- transaction.
DECLARE
    removed bigint;
BEGIN
    DELETE FROM {history} h WHERE h.version_id = ANY ($1);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END

-- name: erase_function
-- The way by which an erasure takes versions away. It is nobody's but the owner's, and whom the owner lets.
CREATE OR REPLACE FUNCTION {function}(bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
AS {body}
