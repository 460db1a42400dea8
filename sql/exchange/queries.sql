-- name: describe
-- The columns of a user's query.
SELECT * FROM (
{given}
) AS given LIMIT 0

-- name: type_names
-- PostgreSQL's names of types, in the given order.
SELECT format_type(oid, modifier) FROM unnest(%(oids)s::oid[], %(modifiers)s::integer[]) WITH ORDINALITY AS given (oid, modifier, position) ORDER BY position
