DROP FUNCTION fsdb.take_turn, fsdb.hold_reading;
DROP TABLE fsdb.turns, fsdb.reading;
