DROP TABLE fsdb.removals;
DROP FUNCTION fsdb.refuse_removal_change();
DROP FUNCTION fsdb.within_reach(timestamptz, timestamptz, text);
DROP FUNCTION fsdb.reach(text);
DROP TRIGGER reach_moves_forward ON fsdb.feature_sets;
DROP FUNCTION fsdb.refuse_reach_back();
ALTER TABLE fsdb.feature_sets DROP retention, DROP reach;
