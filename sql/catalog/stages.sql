-- name: stages_of
-- The stage of each version of a model.
SELECT version, stage FROM fsdb.model_stages WHERE model = %(model)s ORDER BY version

-- name: list_stages
-- The same with when and by whom.
SELECT version, stage, at, by FROM fsdb.model_stages WHERE model = %(model)s ORDER BY version

-- name: insert_event
-- Puts a version into a stage.
INSERT INTO fsdb.stage_events (model, version, stage) VALUES (%(model)s, %(version)s, %(stage)s)
