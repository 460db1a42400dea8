CREATE TABLE fsdb.deployment_feeds (
    deployment_id  integer PRIMARY KEY REFERENCES fsdb.deployments ON DELETE CASCADE,
    role           text NOT NULL CHECK (role IN ('attached', 'shadow')),
    source_schema  text NOT NULL,
    source_table   text NOT NULL,
    links          text[] NOT NULL,
    link_columns   text[] NOT NULL,
    inputs         text[] NOT NULL DEFAULT '{}',
    input_columns  text[] NOT NULL DEFAULT '{}',
    on_inputs      boolean NOT NULL,
    on_features    boolean NOT NULL,
    result_columns text[] NOT NULL DEFAULT '{}',
    view_name      text,
    shadow_of      integer UNIQUE REFERENCES fsdb.deployments ON DELETE CASCADE,
    active         boolean NOT NULL DEFAULT true,
    CHECK ((role = 'shadow') = (shadow_of IS NOT NULL)),
    CHECK (cardinality(links) > 0 AND cardinality(links) = cardinality(link_columns)),
    CHECK (cardinality(inputs) = cardinality(input_columns))
);
COMMENT ON TABLE fsdb.deployment_feeds IS
    'Deployments whose rows come from another table, by triggers, in the transaction that changes it: attached to an application''s table, or the shadow of another deployment.';
COMMENT ON COLUMN fsdb.deployment_feeds.deployment_id IS 'The deployment''s number.';
COMMENT ON COLUMN fsdb.deployment_feeds.role IS 'attached: an application''s table; shadow: another deployment''s.';
COMMENT ON COLUMN fsdb.deployment_feeds.source_schema IS 'The schema of the table whose rows are scored.';
COMMENT ON COLUMN fsdb.deployment_feeds.source_table IS 'The table whose rows are scored.';
COMMENT ON COLUMN fsdb.deployment_feeds.links IS 'Columns of the model table that tell which row of the source a prediction is of: its primary key, or of_prediction.';
COMMENT ON COLUMN fsdb.deployment_feeds.link_columns IS 'What the source calls them, in the same order.';
COMMENT ON COLUMN fsdb.deployment_feeds.inputs IS 'Keys and inputs that the source has under another name; the others it has under their own.';
COMMENT ON COLUMN fsdb.deployment_feeds.input_columns IS 'What the source calls them, in the same order.';
COMMENT ON COLUMN fsdb.deployment_feeds.on_inputs IS 'Whether a row is scored again when its keys or inputs change.';
COMMENT ON COLUMN fsdb.deployment_feeds.on_features IS 'Whether rows are scored again when the features that they use change.';
COMMENT ON COLUMN fsdb.deployment_feeds.result_columns IS 'Columns that were added to the source and hold the newest prediction; none where a view shows it.';
COMMENT ON COLUMN fsdb.deployment_feeds.view_name IS 'The view that shows the source with the newest predictions, in the schema of the model table.';
COMMENT ON COLUMN fsdb.deployment_feeds.shadow_of IS 'The deployment beside which a shadow scores.';
COMMENT ON COLUMN fsdb.deployment_feeds.active IS 'Whether rows come now; those of a stopped shadow stay.';
