-- name: list
-- Registered expressions, in order of name; only those named where names are given.
SELECT e.name, e.expression, e.type, e.tree, e.description, e.tags, e.owner
FROM fsdb.expressions AS e
WHERE %(names)s::text[] IS NULL OR e.name = ANY (%(names)s::text[])
ORDER BY e.name

-- name: inputs
-- The inputs of expressions, in order.
SELECT expression, name, type, feature_id FROM fsdb.expression_inputs WHERE expression = ANY (%(names)s) ORDER BY expression, position

-- name: put
-- Registers an expression, or writes its definition anew.
INSERT INTO fsdb.expressions (name, expression, type, tree, description, tags, owner)
VALUES (%(name)s, %(expression)s, %(type)s, %(tree)s, %(description)s, %(tags)s, %(owner)s)
ON CONFLICT (name) DO UPDATE SET expression = excluded.expression, type = excluded.type, tree = excluded.tree,
    description = excluded.description, tags = excluded.tags, owner = excluded.owner

-- name: delete_inputs
-- Takes away what is known of an expression's inputs.
DELETE FROM fsdb.expression_inputs WHERE expression = %(name)s

-- name: insert_inputs
-- The inputs of an expression, in order.
INSERT INTO fsdb.expression_inputs (expression, position, name, type, feature_id)
SELECT %(expression)s, given.position, given.name, given.type, given.feature_id
FROM unnest(%(names)s::text[], %(types)s::text[], %(feature_ids)s::integer[]) WITH ORDINALITY AS given (name, type, feature_id, position)

-- name: delete
-- Removes an expression from the catalog.
DELETE FROM fsdb.expressions WHERE name = %(name)s

-- name: reading
-- Expressions that read a feature of one of these sets.
SELECT DISTINCT i.expression FROM fsdb.expression_inputs AS i JOIN fsdb.features AS f USING (feature_id)
WHERE f.feature_set = ANY (%(sets)s) ORDER BY i.expression

-- name: views
-- Training views that an expression is in.
SELECT training_view FROM fsdb.training_view_expressions WHERE expression = %(name)s ORDER BY training_view
