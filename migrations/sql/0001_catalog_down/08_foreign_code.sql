DROP FUNCTION fsdb.plain_types, fsdb.own_code, fsdb.foreign_code, fsdb.called_functions, fsdb.acts_as;
