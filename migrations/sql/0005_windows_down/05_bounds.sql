DROP FUNCTION fsdb.refuse_sum(text, text);
DROP FUNCTION fsdb.window_bound(timestamptz, bigint, bigint);
