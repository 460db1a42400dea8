DROP FUNCTION fsdb.warm_up;
DROP TABLE fsdb.model_graphs;
DROP FUNCTION fsdb.refuse_graph_removal;
