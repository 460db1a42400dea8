-- name: create
-- The scoring function of a model: inputs by position (unnamed, so that no name of a feature can clash), results by name.
CREATE FUNCTION {function}({parameters})
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS {body}

-- name: body
-- What it does: named slots and constants are declared, then the steps run in order.
DECLARE
{declarations}
BEGIN
{statements}
END

-- name: out_prediction
-- The predicted class or number.
OUT prediction {type}

-- name: out_probability
-- The probability of the second of two classes, of the predicted one of several.
OUT probability pg_catalog.float8

-- name: out_probabilities
-- The probability of each class, in class order.
OUT probabilities pg_catalog.float8[]

-- name: hand_over
-- A statement that has run for so long that setting up CASE expressions pays goes on with them. They are in a function of their own,
-- since PostgreSQL reads the whole text of a function when a connection first calls it.
IF {in_bulk} THEN
{results}
RETURN;
END IF;

-- name: in_bulk
-- Whether the statement has run for so long.
pg_catalog.clock_timestamp() > pg_catalog.statement_timestamp() + '{microseconds} microseconds'::pg_catalog.interval

-- name: declare_record
-- The results of another function.
{name} record;

-- name: field
-- One of them.
{record}.{name}

-- name: declare_number
-- A slot that is kept.
{name} pg_catalog.float8;

-- name: declare_single
-- A sum in float32.
{name} pg_catalog.float4;

-- name: declare_integer
-- The number of an indicator or a node.
{name} pg_catalog.int4;

-- name: declare_boolean
-- The result of a check.
{name} pg_catalog.bool;

-- name: declare_text
-- A text slot that is kept.
{name} pg_catalog.text;

-- name: declare_vector
-- The columns of a tree ensemble as one array.
{name} pg_catalog.float8[];

-- name: declare_bits
-- What the trees of an ensemble decide.
{name} pg_catalog.varbit;

-- name: assign
-- Keeps a slot.
{name} := {value};

-- name: array_parameters
-- The parameters of a model that has more inputs than a function can have.
pg_catalog.float8[], pg_catalog.text[]

-- name: argument
-- An argument in the type of its input.
{value}::{type}

-- name: array_arguments
-- The arguments of a model that has more inputs than a function can have.
ARRAY[{numbers}]::pg_catalog.float8[], ARRAY[{texts}]::pg_catalog.text[]

-- name: call
-- The call of the scoring function.
{function}({arguments})
