-- name: list_feeds
-- Feeds: of a deployment, or the one that makes its shadow.
SELECT deployment_id, role, source_schema, source_table, links, link_columns, inputs, input_columns, on_inputs, on_features,
       result_columns, view_name, shadow_of, active
FROM fsdb.deployment_feeds
WHERE deployment_id = %(deployment_id)s OR shadow_of = %(shadow_of)s

-- name: insert_feed
-- Registers a feed.
INSERT INTO fsdb.deployment_feeds (deployment_id, role, source_schema, source_table, links, link_columns, inputs, input_columns,
                                   on_inputs, on_features, result_columns, view_name, shadow_of, active)
VALUES (%(deployment_id)s, %(role)s, %(source_schema)s, %(source_table)s, %(links)s::text[], %(link_columns)s::text[], %(inputs)s::text[],
        %(input_columns)s::text[], %(on_inputs)s, %(on_features)s, %(result_columns)s::text[], %(view_name)s, %(shadow_of)s, %(active)s)

-- name: set_active
-- Lets rows come, or no more.
UPDATE fsdb.deployment_feeds SET active = %(active)s WHERE deployment_id = %(deployment_id)s

-- name: set_result_columns
-- Notes which columns were added to the source.
UPDATE fsdb.deployment_feeds SET result_columns = %(result_columns)s::text[] WHERE deployment_id = %(deployment_id)s

-- name: deployment_name
-- What a deployment is called.
SELECT name FROM fsdb.deployments WHERE deployment_id = %(deployment_id)s

-- name: attached_to
-- Deployments whose rows come from a table.
SELECT d.name FROM fsdb.deployments d JOIN fsdb.deployment_feeds f USING (deployment_id)
WHERE f.role = 'attached' AND f.source_schema = %(schema)s AND f.source_table = %(table)s ORDER BY d.name
