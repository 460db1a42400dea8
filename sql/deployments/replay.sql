-- name: newest
-- Which releases made the newest predictions, and how many of them.
SELECT model_release, count(*) FROM (
    SELECT model_release FROM {table} ORDER BY prediction_id DESC LIMIT %(limit)s
) AS newest
GROUP BY model_release ORDER BY model_release

-- name: replay
-- Scores the newest predictions again, as far as one release made them, from the versions that they recorded; gives those that
-- come out otherwise or whose versions are gone.
WITH newest AS MATERIALIZED (
    SELECT * FROM {table} ORDER BY prediction_id DESC LIMIT {limit}
), replayed AS MATERIALIZED (
    SELECT p.prediction_id, p.prediction AS recorded, r.prediction AS replayed, {different} AS different, {missing} AS missing
    FROM newest AS p{reads} CROSS JOIN LATERAL {call} AS r
    WHERE p.model_release = {release}
)
SELECT prediction_id, recorded::text, replayed::text, CASE WHEN missing THEN 'version is gone' ELSE 'result differs' END
FROM replayed WHERE different OR missing

-- name: read
-- The version of one set that a prediction recorded.
 LEFT JOIN {history} AS {read} ON {read}.version_id = p.{version_column}{keys}

-- name: key
-- A key of a set is a column of the model table by the same name.
 AND {read}.{key} = p.{key}

-- name: request
-- What the inserted row gave.
p.{column}

-- name: feature
-- A feature as it was given to the model.
CASE WHEN NOT {read}.deleted{fresh} THEN {read}.{column} END

-- name: fresh
-- Not older than the release's max_age at the moment of scoring.
 AND {read}.event_time >= p.scored_at - {max_age}

-- name: with_default
-- The release's default stands for NULL; it has the type of the model's input already.
coalesce({value}, {default})

-- name: missing
-- A version that was recorded and is not in history any more.
(p.{version_column} IS NOT NULL AND {read}.version_id IS NULL)

-- name: different
-- A result that is not the recorded one, exactly.
p.{column} IS DISTINCT FROM r.{column}
