-- name: absolute
-- The absolute value.
pg_catalog.abs({value})

-- name: negative
-- The opposite.
-({value})

-- name: sign
-- -1, 0 or 1.
pg_catalog.sign({value})

-- name: floor
-- The next whole number below.
pg_catalog.floor({value})

-- name: ceil
-- The next whole number above.
pg_catalog.ceil({value})

-- name: trunc
-- The next whole number towards 0.
pg_catalog.trunc({value})

-- name: rint
-- The nearest whole number, the even one of two.
pg_catalog.round({value})

-- name: sqrt
-- The root; of a negative number missing.
CASE WHEN {value} < 0 THEN NULL ELSE pg_catalog.sqrt({value}) END

-- name: cbrt
-- The cube root.
pg_catalog.cbrt({value})

-- name: square
-- The square; 0 and infinite beyond the range of float64.
CASE WHEN pg_catalog.abs({value}) < 1e-160 THEN 0 WHEN pg_catalog.abs({value}) > 1.3407807929942596e154 AND {value} < 'NaN' THEN 'Infinity'::pg_catalog.float8 ELSE {value} * {value} END

-- name: reciprocal
-- 1 / x; infinite with the sign of x beyond the range of float64, also of 0 and -0.
CASE WHEN pg_catalog.abs({value}) < 5.562684646268003e-309 THEN pg_catalog.sign(pg_catalog.atan2({value}, -1)) * 'Infinity'::pg_catalog.float8 ELSE 1 / {value} END

-- name: exp
-- The exponential; 0 and infinite beyond the range of float64.
CASE WHEN {value} > 709.782712893384 AND {value} < 'NaN' THEN 'Infinity'::pg_catalog.float8 WHEN {value} < -708 THEN 0 ELSE pg_catalog.exp({value}) END

-- name: expm1
-- exp(x) - 1 without a loss of digits near 0: tanh(x / 2) (exp(x) + 1).
CASE WHEN {value} > 709.782712893384 AND {value} < 'NaN' THEN 'Infinity'::pg_catalog.float8 WHEN {value} < -40 THEN -1 WHEN pg_catalog.abs({value}) < 1e-20 THEN {value} WHEN pg_catalog.abs({value}) < 1e-5 THEN {value} + {value} * {value} / 2 + {value} * {value} * {value} / 6 ELSE pg_catalog.tanh({value} / 2) * (pg_catalog.exp({value}) + 1) END

-- name: log
-- The natural logarithm; of a negative number missing.
CASE WHEN {value} < 0 THEN NULL WHEN {value} = 0 THEN '-Infinity'::pg_catalog.float8 ELSE pg_catalog.ln({value}) END

-- name: log2
-- The logarithm to base 2.
CASE WHEN {value} < 0 THEN NULL WHEN {value} = 0 THEN '-Infinity'::pg_catalog.float8 ELSE pg_catalog.ln({value}) / 0.6931471805599453 END

-- name: log10
-- The logarithm to base 10.
CASE WHEN {value} < 0 THEN NULL WHEN {value} = 0 THEN '-Infinity'::pg_catalog.float8 ELSE pg_catalog.log({value}) END

-- name: log1p
-- log(1 + x) without a loss of digits near 0.
CASE WHEN {value} < -1 THEN NULL WHEN {value} = -1 THEN '-Infinity'::pg_catalog.float8 WHEN pg_catalog.abs({value}) < 1e-20 THEN {value} WHEN pg_catalog.abs({value}) < 1e-5 THEN {value} - {value} * {value} / 2 + {value} * {value} * {value} / 3 ELSE pg_catalog.ln(1 + {value}) END

-- name: sin
-- The sine; of an infinite number missing.
CASE WHEN pg_catalog.abs({value}) = 'Infinity' THEN NULL ELSE pg_catalog.sin({value}) END

-- name: cos
-- The cosine; of an infinite number missing.
CASE WHEN pg_catalog.abs({value}) = 'Infinity' THEN NULL ELSE pg_catalog.cos({value}) END

-- name: tanh
-- The hyperbolic tangent.
pg_catalog.tanh({value})

-- name: arctan
-- The inverse tangent.
pg_catalog.atan({value})

-- name: arcsinh
-- The inverse hyperbolic sine.
pg_catalog.asinh({value})
