-- name: walk
-- Sums the leaves of trees kept as blocks of two levels: three comparisons choose one of four children, which is the next
-- block (positive) or a leaf (negative). `x` holds each column twice where missing values go both ways.
FOREACH n IN ARRAY {roots}::pg_catalog.int4[] LOOP
WHILE n > 0 LOOP
n := ({children}::pg_catalog.int4[])[n * 4 - 3 + CASE WHEN {top} THEN CASE WHEN {right} THEN 3 ELSE 2 END ELSE CASE WHEN {left} THEN 1 ELSE 0 END END];
END LOOP;
{sums}
END LOOP;

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

-- name: normal_quantile
-- The inverse of the normal distribution by rational functions (Cephes, ndtri): in the middle in powers of p - 1/2, in the tails of
-- 1 / sqrt(-2 log p); beyond 1e-14 infinite.
IF {value} IS NULL THEN
{result} := NULL;
ELSIF {value} < 1e-14 THEN
{result} := '-Infinity';
ELSIF 1 - {value} < 1e-14 THEN
{result} := 'Infinity';
ELSIF pg_catalog.abs({value} - 0.5) <= 0.36466471676338730 THEN
{y} := {value} - 0.5;
{z} := {y} * {y};
{result} := 2.50662827463100050242 * ({y} + {y} * ({z} * ((((-5.99633501014107895267E1 * {z} + 9.80010754185999661536E1) * {z} - 5.66762857469070293439E1) * {z} + 1.39312609387279679503E1) * {z} - 1.23916583867381258016E0) / (((((((({z} + 1.95448858338141759834E0) * {z} + 4.67627912898881538453E0) * {z} + 8.63602421390890590575E1) * {z} - 2.25462687854119370527E2) * {z} + 2.00260212380060660359E2) * {z} - 8.20372256168333339912E1) * {z} + 1.59056225126211695515E1) * {z} - 1.18331621121330003142E0)));
ELSE
{y} := pg_catalog.sqrt(-2 * pg_catalog.ln(LEAST({value}, 1 - {value})));
{z} := 1 / {y};
{result} := {y} - pg_catalog.ln({y}) / {y} - {z} * ((((((((4.05544892305962419923E0 * {z} + 3.15251094599893866154E1) * {z} + 5.71628192246421288162E1) * {z} + 4.40805073893200834700E1) * {z} + 1.46849561928858024014E1) * {z} + 2.18663306850790267539E0) * {z} - 1.40256079171354495875E-1) * {z} - 3.50424626827848203418E-2) * {z} - 8.57456785154685413611E-4) / (((((((({z} + 1.57799883256466749731E1) * {z} + 4.53907635128879210584E1) * {z} + 4.13172038254672030440E1) * {z} + 1.50425385692907503408E1) * {z} + 2.50464946208309415979E0) * {z} - 1.42182922854787788574E-1) * {z} - 3.80806407691578277194E-2) * {z} - 9.33259480895457427372E-4);
IF {value} < 0.5 THEN
{result} := -{result};
END IF;
END IF;

-- name: kernel_sums
-- For each output the weighted sum of the kernels, in the order of the vectors.
SELECT {sums} INTO {results} FROM (SELECT {kernel} AS kernel, {weights} FROM ROWS FROM ({arrays}) AS v ({names})) AS k;

-- name: neighbors
-- The nearest points and the sums over them; `tied` tells that the last of them is as near as others with other targets.
SELECT {means}, pg_catalog.count(*) > {count} AND ({differing}) INTO {results}, {tied} FROM (SELECT r.*, pg_catalog.max(r.place) OVER () AS last FROM (SELECT d.*, pg_catalog.rank() OVER (ORDER BY d.distance) AS place, pg_catalog.row_number() OVER (ORDER BY d.distance) AS number, pg_catalog.min(d.distance) OVER () AS nearest FROM (SELECT {distance} AS distance, {targets} FROM ROWS FROM ({arrays}) AS v ({names})) AS d) AS r WHERE r.place <= {count}) AS n;
IF {tied} THEN
RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = {text};
END IF;

-- name: refuse_no_number
-- Numbers that the prediction is read from: of NULL the comparison is NULL, NaN is not below itself.
IF ({conditions}) IS NOT TRUE THEN
RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = {text};
END IF;
