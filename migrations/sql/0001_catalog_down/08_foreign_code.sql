DROP FUNCTION fsdb.plain_types, fsdb.own_code, fsdb.plainly_own, fsdb.foreign_code, fsdb.harmless, fsdb.made_types, fsdb.called_functions, fsdb.acts_as;
