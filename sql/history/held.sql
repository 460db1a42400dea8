-- name: rules
-- What a row of the table may break, as a condition under which it does: columns that are never NULL, checks and foreign keys, each with
-- the columns that it concerns, all of them where it is told of the whole row. Names are written as the caller would have to write
-- them, and none in these texts is looked up in the caller's search_path.
SELECT 'not_null_violation' AS code, a.attname::pg_catalog.text AS name, ARRAY[a.attname::pg_catalog.text] AS columns, NULL::pg_catalog.oid AS referenced,
       NULL::pg_catalog.int2[] AS referenced_columns, pg_catalog.format('%I.%I IS NULL', c.relname, a.attname) AS broken
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
WHERE c.oid OPERATOR(pg_catalog.=) {relation} AND a.attnum OPERATOR(pg_catalog.>) 0 AND a.attnotnull AND NOT a.attisdropped
      AND a.attgenerated OPERATOR(pg_catalog.=) '' AND a.attname::pg_catalog.text OPERATOR(pg_catalog.<>) ALL ({settled})
UNION ALL
SELECT 'check_violation', r.conname::pg_catalog.text,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid OPERATOR(pg_catalog.=) r.conrelid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
                   AND (a.attnum OPERATOR(pg_catalog.=) ANY (r.conkey) OR 0::pg_catalog.int2 OPERATOR(pg_catalog.=) ANY (r.conkey))), NULL, NULL,
       pg_catalog.format('NOT (%s)', pg_catalog.pg_get_expr(r.conbin, r.conrelid))
FROM pg_catalog.pg_constraint r
WHERE r.conrelid OPERATOR(pg_catalog.=) {relation} AND r.contype OPERATOR(pg_catalog.=) 'c'
      AND coalesce((pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'conenforced')::pg_catalog.bool, true)
UNION ALL
SELECT 'foreign_key_violation', r.conname::pg_catalog.text, f.columns, r.confrelid, r.confkey,
       pg_catalog.format(
           CASE WHEN r.confmatchtype OPERATOR(pg_catalog.=) 'f'
                THEN '(pg_catalog.num_nonnulls(%1$s) OPERATOR(pg_catalog.>) 0 AND pg_catalog.num_nulls(%1$s) OPERATOR(pg_catalog.>) 0) OR ' ELSE '' END
           OPERATOR(pg_catalog.||) 'pg_catalog.num_nulls(%1$s) OPERATOR(pg_catalog.=) 0 AND NOT EXISTS (SELECT FROM %2$s%3$s "fsdb:referenced" WHERE %4$s)',
           f.values, CASE WHEN t.relkind OPERATOR(pg_catalog.=) 'p' THEN '' ELSE 'ONLY ' END, t.oid::pg_catalog.regclass, f.equal)
FROM pg_catalog.pg_constraint r
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.conrelid JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) r.confrelid
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.place) AS columns,
           pg_catalog.string_agg(pg_catalog.format('%I.%I', c.relname, a.attname), ', ' ORDER BY k.place) AS values,
           pg_catalog.string_agg(pg_catalog.format('"fsdb:referenced".%I OPERATOR(%I.%s) %I.%I', b.attname, n.nspname, o.oprname, c.relname, a.attname), ' AND ') AS equal
    FROM ROWS FROM (pg_catalog.unnest(r.conkey), pg_catalog.unnest(r.confkey), pg_catalog.unnest(r.conpfeqop)) WITH ORDINALITY k(own, other, operator, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.conrelid AND a.attnum OPERATOR(pg_catalog.=) k.own
    JOIN pg_catalog.pg_attribute b ON b.attrelid OPERATOR(pg_catalog.=) r.confrelid AND b.attnum OPERATOR(pg_catalog.=) k.other
    JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) k.operator
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace) f
WHERE r.conrelid OPERATOR(pg_catalog.=) {relation} AND r.contype OPERATOR(pg_catalog.=) 'f'
      AND coalesce((pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'conenforced')::pg_catalog.bool, true)
      AND NOT coalesce((pg_catalog.to_jsonb(r) OPERATOR(pg_catalog.->>) 'conperiod')::pg_catalog.bool, false)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p
                      WHERE p.oid OPERATOR(pg_catalog.=) r.conparentid AND p.conrelid OPERATOR(pg_catalog.=) r.conrelid)

-- name: refuse_unfit
-- Raises what an INSERT of the rows would: the first rule that one of them breaks. Rules are the table owner's code, so they are asked with
-- the rights of whoever brings the rows.
FOR rule IN SELECT * FROM ({rules}) r
    WHERE (known IS NULL OR r.columns OPERATOR(pg_catalog.<@) known) AND (filled IS NULL OR r.columns OPERATOR(pg_catalog.&&) filled)
    ORDER BY r.code DESC, r.name
LOOP
    IF EXISTS (SELECT FROM pg_catalog.unnest(rule.referenced_columns) k
               WHERE NOT pg_catalog.has_column_privilege(rule.referenced, k, 'SELECT')) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.format({right_message}, rule.name, rule.referenced::pg_catalog.regclass);
    END IF;
    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM pg_catalog.unnest($1) AS %I WHERE %s)',
        (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) {relation}), rule.broken) INTO broken USING {given};
    IF broken THEN
        RAISE EXCEPTION USING ERRCODE = rule.code, CONSTRAINT = rule.name, TABLE = {relation}::pg_catalog.regclass::pg_catalog.text,
            MESSAGE = CASE WHEN rule.code OPERATOR(pg_catalog.=) 'not_null_violation' THEN pg_catalog.format({null_message}, rule.name)
                           WHEN rule.code OPERATOR(pg_catalog.=) 'check_violation' THEN pg_catalog.format({check_message}, rule.name)
                           ELSE pg_catalog.format({key_message}, rule.name, rule.referenced::pg_catalog.regclass) END;
    END IF;
END LOOP;

-- name: hold
-- Holds rows that are to go to history alone against the rules of the live table.
DECLARE
    rule record;
    broken boolean;
BEGIN
    {refuse_unfit}
END

-- name: hold_function
-- Runs with the rights of whoever calls it.
CREATE OR REPLACE FUNCTION {function}(live regclass, given anyarray, known text[], filled text[]) RETURNS void LANGUAGE plpgsql AS {body}

-- name: columns
-- The live table's columns in order.
SELECT a.attname::text FROM pg_catalog.pg_attribute a
WHERE a.attrelid = {live_name}::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

-- name: has_rules
-- Whether the live table has any.
SELECT EXISTS ({rules})

-- name: hold_rows
-- Holds rows against the live table's rules, in chunks.
SELECT {hold}({live_name}::regclass, array_agg(chunk.given), {known}, {filled})
FROM (SELECT ROW({values})::{live} AS given, (row_number() OVER () - 1) / 10000 AS chunk FROM {rows}) chunk
GROUP BY chunk.chunk
