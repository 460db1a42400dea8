-- name: costs
-- What scoring costs, by model version.
SELECT * FROM fsdb.deployment_costs(%(name)s, %(since)s)

-- name: compare
-- How the versions of a deployment did where labels are known.
SELECT * FROM fsdb.model_comparison(%(name)s, %(labels)s::pg_catalog.regclass, %(label)s, %(id_column)s)
