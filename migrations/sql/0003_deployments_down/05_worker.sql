DROP FUNCTION fsdb.refuse_forged_prediction();
DROP FUNCTION fsdb.enqueue_scoring();
DROP VIEW fsdb.scoring_backlog;
DROP TABLE fsdb.scoring_dead_letters;
DROP TABLE fsdb.scoring_queue;
