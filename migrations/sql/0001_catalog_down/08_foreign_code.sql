DROP FUNCTION fsdb.plain_types, fsdb.own_code, fsdb.plainly_own, fsdb.foreign_code, fsdb.harmless, fsdb.called_functions, fsdb.acts_as;
