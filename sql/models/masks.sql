-- name: mask
-- The exits of a group's trees that the splits on a column leave. PostgreSQL calls fsdb.tree_masks with constants once for each
-- connection, when it plans the statement.
pg_catalog.substring(fsdb.tree_masks({firsts}, {rows}, {places}, {segments}, {count}, {width}), {row} * {bits} + 1, {bits})

-- name: none
-- Zeros: the only exit of trees without a split has no bit.
pg_catalog.repeat('0', {bits})::pg_catalog.varbit

-- name: place
-- Where the exit that a tree is left with stands in an array: one bit at most is set, whose remainder by a prime is its own.
t * {modulus} + (pg_catalog.substring(d, t * {step} + {start}, {width})::{type} % {modulus})::pg_catalog.int4

-- name: reached
-- As many ones as bounds that a number reaches, then zeros.
pg_catalog.substring({ones}::pg_catalog.varbit, {after} - {row}, {bits})

-- name: table_row
-- A row of a table of bits.
pg_catalog.substring({table}::pg_catalog.varbit, {row} * {bits} + 1, {bits})

-- name: add
-- Adds the leaves of some trees, one after the other.
FOR t IN 0..{last} LOOP
{total} := {sum};
END LOOP;

-- name: each
-- Adds the leaf of each tree to several sums.
FOR t IN 0..{last} LOOP
n := {place};
{sums}
END LOOP;

-- name: block
-- Enters the block that is below each tree's exit and adds the leaf that is reached in it.
FOR t IN 0..{last} LOOP
n := ({roots}::pg_catalog.int4[])[{place}];
{sums}
END LOOP;

-- name: walk
-- Walks the blocks below each tree's exit: a block is positive, a leaf negative.
FOR t IN 0..{last} LOOP
n := ({roots}::pg_catalog.int4[])[{place}];
WHILE n > 0 LOOP
n := ({children}::pg_catalog.int4[])[{child}];
END LOOP;
{sums}
END LOOP;

-- name: child
-- The place of the child that a row goes to from block `n`.
n * 4 - 3 + CASE {top} WHEN 0 THEN {left} ELSE 2 + {right} END

-- name: bit
-- What a split of block `n` decides.
pg_catalog.get_bit(e, ({positions}::pg_catalog.int4[])[n])
