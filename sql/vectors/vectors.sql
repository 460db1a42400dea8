-- name: generation
-- Changes with every change of a definition.
SELECT generation FROM fsdb.catalog_generation

-- name: one
-- One entity now. The clock is read once, beside what the request brings, which is no constant to the planner there; the generation tells whether this text is still right, the process whether the session is the
-- caller's own. The text is another at each generation, so that no plan is reused whose columns have other types now.
SELECT /* {generation} */ {values}, {found} AS found, moment.generation, pg_catalog.pg_backend_pid()
FROM (SELECT pg_catalog.clock_timestamp() AS at, generation{request} FROM fsdb.catalog_generation) AS moment
{lookups}

-- name: many
-- Many entities at one moment, in the given order.
FROM (WITH moment AS MATERIALIZED (SELECT {at} AS at)
      SELECT moment.at, entity.* FROM moment CROSS JOIN unnest({arrays}) WITH ORDINALITY AS entity ({columns})
      ORDER BY {ordinal} OFFSET 0) AS entity
{lookups}
ORDER BY entity.{ordinal}

-- name: clock
-- The wall clock.
SELECT clock_timestamp()
