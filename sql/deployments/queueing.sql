-- name: queue_trigger
-- Puts inserted rows that workers score into the queue, once a statement.
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT ON {table}
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION fsdb.enqueue_scoring({deployment}, {releases})

-- name: fill_trigger
-- Lets a worker fill in what it computes, once, and nobody else.
CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table}
FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW({old}), ROW({new})))
EXECUTE FUNCTION fsdb.refuse_forged_prediction({deployment})

-- name: waiting
-- How many rows wait for their prediction, of each deployment that has had the runtime worker.
SELECT deployment, waiting FROM fsdb.scoring_backlog
