DROP FUNCTION fsdb.quotient(double precision, double precision);
DROP FUNCTION fsdb.quotient_far(double precision, double precision);
DROP FUNCTION fsdb.nearest(numeric);
DROP FUNCTION fsdb.nearest_far(numeric);
DROP FUNCTION fsdb.exact(double precision);
DROP FUNCTION fsdb.exact_far(double precision);
