DROP PROCEDURE fsdb.run_due();
DROP FUNCTION fsdb.run_slot(text, timestamptz);
DROP FUNCTION fsdb.fill_slot(text, timestamptz, timestamptz);
DROP FUNCTION fsdb.take_rows(text);
