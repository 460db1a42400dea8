ALTER TABLE fsdb.training_set_columns DROP hidden;
ALTER TABLE fsdb.training_set_columns DROP tree;
DROP TABLE fsdb.training_view_expressions, fsdb.expression_inputs, fsdb.expressions;
