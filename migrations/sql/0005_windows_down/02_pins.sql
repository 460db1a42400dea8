DROP FUNCTION fsdb.window_events(text, bigint, text);
DROP FUNCTION fsdb.refuse_feature(text, text);
DROP TYPE fsdb.event_pin;
