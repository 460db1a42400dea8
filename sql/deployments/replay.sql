-- name: newest
-- Which releases made the newest predictions, whether by what scores many rows outside of the server, and how many of them. Rows
-- that could not be scored, or not yet, are none.
SELECT model_release, scored_by IS NOT NULL, count(*) FROM (
    SELECT model_release, scored_by FROM {table} WHERE prediction IS NOT NULL ORDER BY prediction_id DESC LIMIT %(limit)s
) AS newest
GROUP BY 1, 2 ORDER BY 1, 2

-- name: newest_of
-- Which of the newest predictions one release made, either way.
SELECT prediction_id FROM (
    SELECT prediction_id, model_release, scored_by FROM {table} WHERE prediction IS NOT NULL ORDER BY prediction_id DESC LIMIT %(limit)s
) AS newest
WHERE model_release = %(release)s AND (scored_by IS NOT NULL) = %(together)s ORDER BY prediction_id

-- name: replay
-- Scores the newest predictions again, as far as one release made them, from the versions that they recorded; gives those that
-- come out otherwise or whose versions are gone. These are not scored, since a model may refuse what is not there: OFFSET has it asked first.
WITH newest AS MATERIALIZED (
    SELECT * FROM {table} WHERE prediction IS NOT NULL ORDER BY prediction_id DESC LIMIT {limit}
), replayed AS MATERIALIZED (
    SELECT p.prediction_id, p.prediction AS recorded, r.prediction AS replayed, {different} AS different, {missing} AS missing
    FROM newest AS p{reads} LEFT JOIN LATERAL (SELECT r.* FROM {call} AS r WHERE NOT ({missing}) OFFSET 0) AS r ON true
    WHERE p.model_release = {release} AND p.scored_by IS NULL
)
SELECT prediction_id, recorded::text, replayed::text, CASE WHEN missing THEN 'version is gone' ELSE 'result differs' END
FROM replayed WHERE different OR missing

-- name: different
-- A result that is not the recorded one, exactly.
p.{column} IS DISTINCT FROM r.{column}

-- name: pin
-- What a prediction saw of events: the snapshot, and its own transaction.
SELECT (p.{pin}).snapshot::text, (p.{pin}).own::text::bigint FROM {table} AS p WHERE p.prediction_id = %(prediction_id)s
