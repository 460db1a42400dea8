-- name: missing_between
-- A number that stands for a missing one.
CASE WHEN {value} BETWEEN {low} AND {high} THEN NULL ELSE {value} END

-- name: whole_part
-- Without the fraction.
pg_catalog.trunc({value})

-- name: whole_part_single
-- The same of the number as float32; -1 below 0 and where it is too large to be a code. What is 0 as float32 is not cast,
-- which would raise an underflow.
CASE WHEN {value} < -7.006492321624085e-46 OR {value} > 16777216 THEN -1 WHEN {value} < 0.5 THEN 0 ELSE pg_catalog.floor({value}::pg_catalog.float4::pg_catalog.float8) END

-- name: single
-- Rounded to float32 without the errors that PostgreSQL raises beyond its range.
CASE WHEN pg_catalog.abs({value}) <= 7.006492321624085e-46 THEN 0 WHEN pg_catalog.abs({value}) >= 3.4028235677973366e38 THEN pg_catalog.sign({value}) * 'Infinity' ELSE {value}::pg_catalog.float4::pg_catalog.float8 END

-- name: exponential_single
-- exp(x - max) of numbers that are float32, rounded to float32; what rounds to 0 is not cast.
CASE WHEN {value} - {largest} < -103.9 THEN 0 ELSE pg_catalog.exp(({value} - {largest})::pg_catalog.float4::pg_catalog.float8)::pg_catalog.float4::pg_catalog.float8 END

-- name: round_single
-- Rounded to float32; for numbers that are surely in its range.
({value})::pg_catalog.float4::pg_catalog.float8

-- name: share_single
-- A share rounded to float32.
CASE WHEN {value} = 0 THEN 0 ELSE ({value} / {total})::pg_catalog.float4::pg_catalog.float8 END

-- name: number_single
-- A float32 constant.
{text}::pg_catalog.float4

-- name: as_number
-- A float32 number as float64.
{value}::pg_catalog.float8

-- name: element_single
-- A float32 number by its position.
({array}::pg_catalog.float4[])[{position}]
