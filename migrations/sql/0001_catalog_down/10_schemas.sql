-- RESTRICT: while a feature set, a training set or a deployed model is left, this fails and nothing is lost.
DROP SCHEMA fsdb_models;
DROP SCHEMA fsdb_training;
DROP SCHEMA fsdb_history;
