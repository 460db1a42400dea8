CREATE TABLE fsdb.expressions (
    name        text PRIMARY KEY,
    expression  text NOT NULL,
    type        text NOT NULL,
    tree        jsonb NOT NULL,
    description text NOT NULL DEFAULT '',
    tags        text[] NOT NULL DEFAULT '{}',
    owner       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fsdb.expressions IS 'Features that are computed when they are asked for, each by one SQL expression.';
COMMENT ON COLUMN fsdb.expressions.name IS 'What the feature is called.';
COMMENT ON COLUMN fsdb.expressions.expression IS 'The expression, as it was written.';
COMMENT ON COLUMN fsdb.expressions.type IS 'The type of its value, as PostgreSQL calls it.';
COMMENT ON COLUMN fsdb.expressions.tree IS 'What it means: operators with types, over inputs and constants. Every engine computes this.';
COMMENT ON COLUMN fsdb.expressions.description IS 'What it says, in words.';
COMMENT ON COLUMN fsdb.expressions.tags IS 'Words to find it by.';
COMMENT ON COLUMN fsdb.expressions.owner IS 'Who is responsible.';
COMMENT ON COLUMN fsdb.expressions.created_at IS 'When it was defined.';

CREATE TABLE fsdb.expression_inputs (
    expression text NOT NULL REFERENCES fsdb.expressions ON DELETE CASCADE,
    position   integer NOT NULL,
    name       text NOT NULL,
    type       text NOT NULL,
    feature_id integer REFERENCES fsdb.features,
    PRIMARY KEY (expression, position),
    UNIQUE (expression, name)
);
CREATE INDEX expression_inputs_by_feature ON fsdb.expression_inputs (feature_id);
COMMENT ON TABLE fsdb.expression_inputs IS 'What expressions read: features, and columns that a request brings.';
COMMENT ON COLUMN fsdb.expression_inputs.expression IS 'The expression''s name.';
COMMENT ON COLUMN fsdb.expression_inputs.position IS 'The input''s place, from 1 on.';
COMMENT ON COLUMN fsdb.expression_inputs.name IS 'The input as the expression names it.';
COMMENT ON COLUMN fsdb.expression_inputs.type IS 'The type in which it is read.';
COMMENT ON COLUMN fsdb.expression_inputs.feature_id IS 'The feature''s number in fsdb.features; NULL: a column of the request.';

CREATE TABLE fsdb.training_view_expressions (
    training_view text NOT NULL REFERENCES fsdb.training_views ON DELETE CASCADE,
    position      integer NOT NULL,
    expression    text NOT NULL REFERENCES fsdb.expressions,
    PRIMARY KEY (training_view, position),
    UNIQUE (training_view, expression)
);
CREATE INDEX training_view_expressions_by_expression ON fsdb.training_view_expressions (expression);
COMMENT ON TABLE fsdb.training_view_expressions IS 'The expressions of training views. They share the places with fsdb.training_view_features.';
COMMENT ON COLUMN fsdb.training_view_expressions.training_view IS 'The training view''s name.';
COMMENT ON COLUMN fsdb.training_view_expressions.position IS 'The expression''s place in the view, from 1 on.';
COMMENT ON COLUMN fsdb.training_view_expressions.expression IS 'The expression''s name.';

ALTER TABLE fsdb.training_set_columns ADD tree jsonb;
ALTER TABLE fsdb.training_set_columns ADD hidden boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN fsdb.training_set_columns.tree IS 'Of an expression: what it meant then, over other columns of the training set. NULL for all others.';
COMMENT ON COLUMN fsdb.training_set_columns.hidden IS 'Whether the column is no part of the training set: a feature that only an expression reads.';

CREATE TRIGGER next_generation AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON fsdb.expressions
    FOR EACH STATEMENT EXECUTE FUNCTION fsdb.next_catalog_generation();
