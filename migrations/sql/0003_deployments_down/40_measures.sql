DROP FUNCTION fsdb.model_comparison(text, regclass, text, text);
DROP FUNCTION fsdb.deployment_costs(text, timestamptz);
DROP FUNCTION fsdb.rejections(integer, integer);
