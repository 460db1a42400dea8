-- name: number
-- A float64 constant; its text round-trips.
{text}::pg_catalog.float8

-- name: parameter
-- An input by its position.
${position}

-- name: number_input
-- A number input whose type has no NaN.
{parameter}::pg_catalog.float8

-- name: boolean_input
-- A boolean input as 0 or 1.
{parameter}::pg_catalog.int4::pg_catalog.float8

-- name: nan_input
-- A number input; NaN is a missing value like NULL.
NULLIF({parameter}::pg_catalog.float8, 'NaN')

-- name: text_input
-- A text input.
{parameter}::pg_catalog.text

-- name: coalesce
-- Fills a missing value.
COALESCE({value}, {fill})

-- name: missing
-- The missing-value indicator.
({value} IS NULL)::pg_catalog.int4::pg_catalog.float8

-- name: subtract
-- Centres.
({value} - {shift})

-- name: divide_small
-- Scales by a divisor above 1; what is too small becomes 0, where PostgreSQL would raise an underflow.
CASE WHEN pg_catalog.abs({value}) <= {limit} THEN 0 ELSE {value} / {divisor} END

-- name: divide_large
-- Scales by a divisor below 1; what is too large becomes infinite, where PostgreSQL would raise an overflow.
CASE WHEN pg_catalog.abs({value}) >= {limit} THEN pg_catalog.sign({value}) * {infinity} ELSE {value} / {divisor} END

-- name: position
-- The position of a number among its keys, NULL where it is none of them.
pg_catalog.array_position({keys}::pg_catalog.float8[], {value})

-- name: text_position
-- The position of a text among its keys, compared byte by byte.
pg_catalog.array_position({keys}::pg_catalog.text[], {value} COLLATE pg_catalog."C")

-- name: element
-- A value by its position.
({array}::pg_catalog.float8[])[{position}]

-- name: lookup
-- The value of a key, or what belongs to a missing one.
CASE WHEN {value} IS NULL THEN {missing} ELSE {found} END

-- name: indicator
-- 1 where it is this one.
({code} = {number})::pg_catalog.int4::pg_catalog.float8

-- name: vector
-- Columns as an array.
ARRAY[{elements}]::pg_catalog.float8[]

-- name: in_bounds
-- Whether a number is finite (as float32 where the limit is that of float32).
{value} BETWEEN {low} AND {high}

-- name: is_null
-- Whether a slot is missing.
{value} IS NULL

-- name: product
-- A coefficient times a column.
{value} * {coefficient}

-- name: product_small
-- The same where the product can be too small for float64: 0, where PostgreSQL would raise an underflow.
CASE WHEN pg_catalog.abs({value}) <= {limit} THEN 0 ELSE {value} * {coefficient} END

-- name: product_indicators
-- The coefficient of the indicator that is set, 0 where none is.
COALESCE(({coefficients}::pg_catalog.float8[])[{code} + 1], 0)

-- name: logistic
-- 1 / (1 + exp(-x)), held inside the range in which exp raises no error; beyond it the result is 0 or 1 to 1e-300. NaN, which is
-- above every number here, stays NaN.
CASE WHEN {value} > 40 AND {value} < 'NaN' THEN 1 WHEN {value} < -700 THEN 0 ELSE 1 / (1 + pg_catalog.exp(-{value})) END

-- name: exponential
-- exp(x), which is 0 or infinite beyond the range of float64.
CASE WHEN {value} > 709.782712893384 AND {value} < 'NaN' THEN 'Infinity'::pg_catalog.float8 WHEN {value} < -708 THEN 0 ELSE pg_catalog.exp({value}) END

-- name: exponential_below
-- exp(x - max) of a softmax: what is below 1e-304 is 0.
CASE WHEN {value} - {largest} < -700 THEN 0 ELSE pg_catalog.exp({value} - {largest}) END

-- name: greatest
-- The largest of some numbers.
GREATEST({values})

-- name: quotient
-- A mean from a sum, a share from a part.
{value} / {divisor}

-- name: above
-- The class by the sign of a score.
CASE WHEN {score} > 0 THEN {second} ELSE {first} END

-- name: at_least
-- The class by the sign of a score, where 0 belongs to the second.
CASE WHEN {score} >= 0 THEN {second} ELSE {first} END

-- name: class_of
-- The label with a number.
({labels})[{number}]

-- name: class_number
-- The number of the first of the largest scores.
pg_catalog.array_position({scores}, GREATEST({values}))

-- name: right_of
-- Whether a node's value goes to its right child.
x[({features}::pg_catalog.int4[])[n]] {beyond} ({thresholds}::pg_catalog.float8[])[n]

-- name: outside
-- The opposite of a condition; NULL stays NULL.
NOT ({inside})

-- name: codes
-- For each categorical split on a column, whether its code goes left (0) or right (1): a window on a row for missing,
-- then one for each code.
({window}::pg_catalog.float8[])[(LEAST(COALESCE({code}, -1), {last}) + 1)::pg_catalog.int4 * {size} + 1:(LEAST(COALESCE({code}, -1), {last}) + 1)::pg_catalog.int4 * {size} + {size}]

-- name: code_or_null
-- The code of a category, NULL where it stands for a missing one.
NULLIF({value}, -1)

-- name: array_element
-- An input of a model that has too many for a parameter each.
(${array})[{position}]

-- name: clip
-- Held between two numbers; NULL and NaN, which is above every number here, stay what they are.
CASE WHEN {value} < {low} THEN {low} WHEN {value} BETWEEN {high} AND 'Infinity' THEN {high} ELSE {value} END

-- name: above_threshold
-- 1 above a threshold, otherwise 0; also of NULL and NaN.
(({value} > {threshold} AND {value} < 'NaN') IS TRUE)::pg_catalog.int4::pg_catalog.float8

-- name: bin
-- How many edges are at most the value.
pg_catalog.width_bucket({value}, {edges}::pg_catalog.float8[])

-- name: piecewise
-- A number of knots at most the value is known: at a knot, before the first, after the last, between two. A step too small to
-- matter is 0, where PostgreSQL would raise an underflow.
CASE WHEN n = 0 THEN {below} WHEN {value} = ({knots}::pg_catalog.float8[])[n] THEN ({at}::pg_catalog.float8[])[n] WHEN n = {count} THEN {above} WHEN n IS NULL THEN NULL WHEN {value} - ({knots}::pg_catalog.float8[])[n] < 1e-140 THEN ({starts}::pg_catalog.float8[])[n] ELSE ({starts}::pg_catalog.float8[])[n] + ({slopes}::pg_catalog.float8[])[n] * ({value} - ({knots}::pg_catalog.float8[])[n]) END

-- name: product_large
-- A factor above 1: what is too large becomes infinite, where PostgreSQL would raise an overflow.
CASE WHEN pg_catalog.abs({value}) >= {limit} THEN pg_catalog.sign({value}) * {infinity} ELSE {value} * {coefficient} END

-- name: product_pair
-- A product of two columns; 0 where it is below 1e-140.
CASE WHEN pg_catalog.abs({left}) < 1e-140 AND pg_catalog.abs({right}) <= 1 OR pg_catalog.abs({right}) < 1e-140 AND pg_catalog.abs({left}) <= 1 THEN 0 ELSE {left} * {right} END

-- name: squared_difference
-- (x - center)^2 / divisor; 0 where it is below 1e-280.
CASE WHEN pg_catalog.abs({value} - {center}) < {limit} THEN 0 ELSE ({value} - {center}) * ({value} - {center}) / {divisor} END

-- name: not_tiny
-- 0 for a number below 1e-140, whose products could be too small for float64.
CASE WHEN pg_catalog.abs({value}) < 1e-140 THEN 0 ELSE {value} END

-- name: activation_identity
-- The identity.
CASE WHEN pg_catalog.abs({value}) < 1e-140 THEN 0 ELSE {value} END

-- name: activation_relu
-- The rectified linear unit.
CASE WHEN {value} < 1e-140 THEN 0 ELSE {value} END

-- name: activation_tanh
-- The hyperbolic tangent.
CASE WHEN pg_catalog.abs({value}) < 1e-140 THEN 0 ELSE pg_catalog.tanh({value}) END

-- name: activation_logistic
-- The logistic function.
CASE WHEN {value} < -300 THEN 0 WHEN {value} > 40 AND {value} < 'NaN' THEN 1 ELSE 1 / (1 + pg_catalog.exp(-{value})) END

-- name: absolute
-- The absolute value.
pg_catalog.abs({value})

-- name: square_root
-- The root of a sum of squares.
pg_catalog.sqrt({value})

-- name: over_norm
-- A column over the norm of its row; 0 where that is below 1e-140.
CASE WHEN {norm} < {smallest} THEN {value} WHEN pg_catalog.abs({value}) <= {norm} * 1e-140 THEN 0 ELSE {value} / {norm} END

-- name: share
-- A part of a sum, or what stands for it where the sum is 0.
CASE WHEN {total} = 0 THEN {otherwise} WHEN {value} < 1e-290 THEN 0 ELSE {value} / {total} END

-- name: largest_number
-- The number of the first of the largest, from 0.
(pg_catalog.array_position({scores}, GREATEST({values})) - 1)::pg_catalog.float8

-- name: weighted_median
-- The first of the sorted numbers at which the weights so far are at least half of all.
(SELECT r.v FROM (SELECT q.v, q.c, pg_catalog.max(q.c) OVER () AS t FROM (SELECT p.v, pg_catalog.sum(p.w) OVER (ORDER BY p.v ROWS UNBOUNDED PRECEDING) AS c FROM ROWS FROM (pg_catalog.unnest(ARRAY[{values}]::pg_catalog.float8[]), pg_catalog.unnest({weights}::pg_catalog.float8[])) AS p (v, w)) AS q) AS r WHERE r.c >= 0.5 * r.t ORDER BY r.v LIMIT 1)

-- name: yeo_johnson_exponent
-- The exponent whose expm1 the Yeo-Johnson transformation takes.
CASE WHEN {value} >= 0 THEN {positive} ELSE {negative} END

-- name: scaled_log1p
-- A factor times log(1 + x) of an x that is not negative; 0 for an x too small to matter.
CASE WHEN {value} < 1e-100 THEN 0 WHEN {value} < 1e-5 THEN {factor} * ({value} - {value} * {value} / 2 + {value} * {value} * {value} / 3) ELSE {factor} * pg_catalog.ln(1 + {value}) END

-- name: scaled_log
-- A factor times log(x).
{factor} * pg_catalog.ln({value})

-- name: not_positive
-- Whether a number is not above 0.
{value} <= 0

-- name: column_of_vectors
-- One column of many vectors.
pg_catalog.unnest({values}::pg_catalog.float8[])

-- name: kernel_sum
-- One output.
pg_catalog.sum(CASE WHEN pg_catalog.abs(k.kernel) < 1e-140 THEN 0 ELSE {weight} * k.kernel END)

-- name: kernel_linear
-- A dot product.
{dot}

-- name: kernel_poly
-- A power of a dot product; 0 where it would be too small for float64.
(SELECT CASE WHEN pg_catalog.abs(b.base) < {limit} THEN 0 ELSE pg_catalog.power(b.base, {degree}) END FROM (SELECT {gamma} * ({dot}) + {coef0} AS base) AS b)

-- name: kernel_sigmoid
-- The hyperbolic tangent of a dot product.
pg_catalog.tanh({gamma} * ({dot}) + {coef0})

-- name: kernel_rbf
-- The exponential of a squared distance, at least 1e-139.
pg_catalog.exp(GREATEST(-{gamma} * ({distance}), -320))

-- name: squared_step
-- A part of a squared distance; 0 where it is below 1e-280.
CASE WHEN pg_catalog.abs({value} - {place}) < 1e-140 THEN 0 ELSE ({value} - {place}) * ({value} - {place}) END

-- name: neighbor_mean
-- The mean over the nearest.
pg_catalog.avg(n.{target}) FILTER (WHERE n.number <= {count})

-- name: neighbor_weighted_mean
-- The mean weighted by 1 / distance; of those at distance 0 where there are any.
CASE WHEN pg_catalog.min(n.nearest) = 0 THEN pg_catalog.avg(n.{target}) FILTER (WHERE n.number <= {count} AND n.distance = 0) ELSE pg_catalog.sum(n.{target} / {size}) FILTER (WHERE n.number <= {count} AND n.nearest > 0) / pg_catalog.sum(1 / {size}) FILTER (WHERE n.number <= {count} AND n.nearest > 0) END

-- name: neighbor_distance
-- A distance that is a sum.
n.distance

-- name: neighbor_root
-- A distance that is the root of a sum.
pg_catalog.sqrt(n.distance)

-- name: neighbor_differs
-- Whether the targets of the points as far as the last of the nearest differ.
pg_catalog.min(n.{target}) FILTER (WHERE n.place = n.last) < pg_catalog.max(n.{target}) FILTER (WHERE n.place = n.last)

-- name: absolute_step
-- A part of a sum of absolute differences.
pg_catalog.abs({value} - {place})

-- name: is_number
-- Whether it is one, perhaps infinite.
{value} < 'NaN'

-- name: rank
-- How many of the bounds a number reaches; all where it is NaN.
pg_catalog.width_bucket({value}, {bounds}::pg_catalog.float8[])

-- name: code_row
-- The row of a code: the first where it is missing, the last where it is above all that are known.
(LEAST(COALESCE({code}, -1), {last}) + 1)::pg_catalog.int4

-- name: together
-- Bit strings one after the other, or joined bit by bit.
({parts})
