-- name: constant
-- A constant of a type; its text round-trips.
{text}::{type}

-- name: cast
-- A value in a type.
({value})::{type}

-- name: case
-- The first branch whose condition is true.
CASE {branches} ELSE {otherwise} END

-- name: when
-- A branch.
WHEN {condition} THEN {result}

-- name: bytewise
-- A text that compares byte by byte.
({value} COLLATE pg_catalog."C")

-- name: add
-- Adds.
({left} OPERATOR(pg_catalog.+) {right})

-- name: subtract
-- Subtracts.
({left} OPERATOR(pg_catalog.-) {right})

-- name: multiply
-- Multiplies.
({left} OPERATOR(pg_catalog.*) {right})

-- name: divide
-- Divides floating-point numbers; the divisor is NULL in place of 0.
({left} OPERATOR(pg_catalog./) {right})

-- name: div
-- Divides integers, towards zero; the divisor is NULL in place of 0.
({left} OPERATOR(pg_catalog./) {right})

-- name: mod
-- What is left after division; the divisor is NULL in place of 0.
({left} OPERATOR(pg_catalog.%) {right})

-- name: equal
-- Equal; NaN is equal to NaN.
({left} OPERATOR(pg_catalog.=) {right})

-- name: different
-- Not equal.
({left} OPERATOR(pg_catalog.<>) {right})

-- name: less
-- Less; NaN is above all numbers.
({left} OPERATOR(pg_catalog.<) {right})

-- name: at_most
-- Less or equal.
({left} OPERATOR(pg_catalog.<=) {right})

-- name: greater
-- Greater.
({left} OPERATOR(pg_catalog.>) {right})

-- name: at_least
-- Greater or equal.
({left} OPERATOR(pg_catalog.>=) {right})

-- name: concat
-- One text after the other.
({left} OPERATOR(pg_catalog.||) {right})

-- name: negate
-- The number with the other sign.
(OPERATOR(pg_catalog.-) {left})

-- name: abs
-- The size of a number.
pg_catalog.abs({left})

-- name: sign
-- -1, 0 or 1.
pg_catalog.sign({left})

-- name: floor
-- The whole number below.
pg_catalog.floor({left})

-- name: ceil
-- The whole number above.
pg_catalog.ceil({left})

-- name: trunc
-- The whole part.
pg_catalog.trunc({left})

-- name: sqrt
-- The square root.
pg_catalog.sqrt({left})

-- name: length
-- The number of characters.
pg_catalog.length({left})

-- name: round
-- A numeric rounded to so many digits.
pg_catalog.round({left}, {right})

-- name: upper
-- ASCII's letters in capitals.
pg_catalog.upper({left} COLLATE pg_catalog."C")

-- name: lower
-- ASCII's letters in small.
pg_catalog.lower({left} COLLATE pg_catalog."C")

-- name: starts_with
-- Whether one text begins with the other.
pg_catalog.starts_with({left}, {right})

-- name: strpos
-- Where one text begins in the other.
pg_catalog.strpos({left} COLLATE pg_catalog."C", {right} COLLATE pg_catalog."C")

-- name: nullif_plain
-- A value that costs nothing to name twice, or NULL where it is equal to another. The word NULLIF takes its equality from the search path.
CASE WHEN {value} OPERATOR(pg_catalog.=) {other} THEN NULL ELSE {value} END

-- name: nullif
-- The same of a value that stands here once, by the equality of its type.
(pg_catalog.array_remove(ARRAY[{value}], {other}))[1]

-- name: distinct
-- Whether two values differ, where NULL is equal to NULL. The words IS DISTINCT FROM take their equality from the search path; arrays take it from the type.
(ARRAY[{left}] OPERATOR(pg_catalog.<>) ARRAY[{right}])

-- name: not_distinct
-- Whether they do not.
(ARRAY[{left}] OPERATOR(pg_catalog.=) ARRAY[{right}])

-- name: in
-- Whether a value is one of others.
({value} OPERATOR(pg_catalog.=) ANY (ARRAY[{others}]::{type}[]))

-- name: greatest
-- The greatest that is not NULL, by the order of the type.
GREATEST({values})

-- name: least
-- The least that is not NULL, by the order of the type.
LEAST({values})

-- name: coalesce
-- The first that is not NULL.
COALESCE({values})

-- name: not
-- The opposite.
(NOT {left})

-- name: is_null
-- A test that is never NULL.
({left} IS NULL)

-- name: is_not_null
-- A test that is never NULL.
({left} IS NOT NULL)

-- name: is_true
-- A test that is never NULL.
({left} IS TRUE)

-- name: is_not_true
-- A test that is never NULL.
({left} IS NOT TRUE)

-- name: is_false
-- A test that is never NULL.
({left} IS FALSE)

-- name: is_not_false
-- A test that is never NULL.
({left} IS NOT FALSE)

-- name: utc
-- A moment as date and time of day in UTC.
pg_catalog.timezone('UTC'::pg_catalog.text, {left})

-- name: extract
-- A part of a date, or of a date and time of day.
pg_catalog.extract({field}, {value})

-- name: epoch
-- Seconds since 1970.
pg_catalog.extract('epoch', {left})

-- name: seconds_between
-- Seconds from one moment to another.
(pg_catalog.extract('epoch', {left}) OPERATOR(pg_catalog.-) pg_catalog.extract('epoch', {right}))

-- name: shift
-- A moment, moved by a fixed length of time.
({value} OPERATOR(pg_catalog.+) {length}::pg_catalog.interval)
