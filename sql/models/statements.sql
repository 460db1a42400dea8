-- name: walk
-- Sums the leaves of trees kept as blocks of two levels: three comparisons choose one of four children, which is the next
-- block (positive) or a leaf (negative). `x` holds each column twice where missing values go both ways.
FOREACH n IN ARRAY {roots}::pg_catalog.int4[] LOOP
WHILE n > 0 LOOP
n := ({children}::pg_catalog.int4[])[n * 4 - 3 + CASE WHEN {top} THEN CASE WHEN {right} THEN 3 ELSE 2 END ELSE CASE WHEN {left} THEN 1 ELSE 0 END END];
END LOOP;
{sums}
END LOOP;

-- name: add_leaf
-- Adds the leaf that was reached.
{total} := {total} + ({leaves}::pg_catalog.float8[])[-n];

-- name: refuse_missing_or_infinite
-- Bounds of columns that must be there: NULL makes the condition NULL.
IF ({conditions}) IS NOT TRUE THEN
RAISE EXCEPTION USING ERRCODE = CASE WHEN {missing} THEN '22004' ELSE '22023' END, MESSAGE = CASE {messages} END;
END IF;

-- name: refuse_infinite
-- Bounds of columns that may be missing.
IF ({conditions}) IS FALSE THEN
RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = CASE {messages} END;
END IF;

-- name: message
-- The sentence for one column.
WHEN {condition} THEN {text}

-- name: refuse_category
-- A category that was not there when the model was fitted.
IF {position} IS NULL AND {value} IS NOT NULL THEN
RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = pg_catalog.concat({before}::pg_catalog.text, {value}, {after}::pg_catalog.text);
END IF;

-- name: refuse_missing_category
-- NULL where it was not there when the model was fitted.
IF {value} IS NULL THEN
RAISE EXCEPTION USING ERRCODE = '22004', MESSAGE = {text};
END IF;

-- name: refuse_not_positive
-- Columns of a transformation that takes numbers above 0 alone.
IF {conditions} THEN
RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = CASE {messages} END;
END IF;
