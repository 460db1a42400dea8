-- name: keep_graph
-- The ONNX bytes that a scoring function loads, once in each connection.
INSERT INTO fsdb.model_graphs (function, checksum, graph) VALUES ({function}, {checksum}, {graph}) ON CONFLICT DO NOTHING

-- name: forget_graphs
-- Takes away the bytes of a scoring function that is dropped.
DELETE FROM fsdb.model_graphs WHERE function = %(function)s

-- name: create
-- The scoring function of a model in PL/Python: inputs by position and results by name, as the runtime sql has them.
CREATE FUNCTION {function}({parameters})
LANGUAGE plpython3u STABLE PARALLEL SAFE
AS {body}

-- name: body
# The first call in a connection loads the graph and keeps what scores by it. fsdb itself is not in the server, so the part
# that begins with the indented docstring is the source of fsdb/models/backends/onnx/running.py with what it imports from beside it.
score = SD.get("score")
if score is None:
    import ctypes
    import hashlib
    import os

    # Neither library may start threads in a connection: numpy for its arrays, onnxruntime to report on its use to its maker.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
{running}

    def _refused(text):
        # PL/Python puts the name of an exception's class before its text: with this name it reads "fsdb: ...".
        kind = type("fsdb", (plpy.Error,), {{"__module__": "builtins", "sqlstate": "22004" if " is NULL" in text else "22023"}})
        return kind(text.removeprefix("fsdb: "))

    def _unseen():
        # A transaction that reads at a snapshot older than the deployment finds the function, but not its graph.
        kind = type("fsdb", (plpy.Error,), {{"__module__": "builtins", "sqlstate": "40001"}})
        return kind("the model was deployed after this transaction took its snapshot; run the transaction again")

    def _scorer(arrays):
        found = plpy.execute({select})
        if not found:
            raise _unseen()
        if hashlib.sha256(found[0]["graph"]).hexdigest() != {checksum}:
            raise plpy.Error("fsdb: the graph is not the one that the function was made for; deploy the model again", sqlstate="22023")
        runner = Runner(found[0]["graph"], {description})
        # What loading a large graph took goes back to the system: for 500 trees of depth 8 two thirds of 50 MB in each connection.
        getattr(ctypes.CDLL(None), "malloc_trim", abs)(0)
        row, refusal = runner.row, RowRefused
        texts = [entry["kind"] == "text" for entry in runner.description["inputs"]]

        def scored(values):
            if arrays:
                numbers, words = iter(values[0]), iter(values[1])
                values = [next(words if is_text else numbers) for is_text in texts]
            try:
                return row(values){only}
            except refusal as refused:
                raise _refused(str(refused)) from None

        return scored

    score = SD["score"] = _scorer(bool(args) and isinstance(args[0], list))
return score(args)

-- name: graph
-- The bytes that a scoring function was made for.
SELECT graph FROM fsdb.model_graphs WHERE function OPERATOR(pg_catalog.=) {function} AND checksum OPERATOR(pg_catalog.=) {checksum}

-- name: language
-- Whether the server has PL/Python, whether this database has it, whether the user may make functions in it; the server's major version.
SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'plpython3u'),
       EXISTS (SELECT FROM pg_catalog.pg_language WHERE lanname = 'plpython3u'),
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
       OR EXISTS (SELECT FROM pg_catalog.pg_language AS l WHERE l.lanname = 'plpython3u' AND l.lanpltrusted AND pg_catalog.has_language_privilege(l.oid, 'USAGE')),
       pg_catalog.current_setting('server_version_num')::integer / 10000,
       pg_catalog.current_database(), current_user

-- name: probe
-- Imports what the runtime needs in the server's Python; the error says which Python that is and what it lacks.
DO LANGUAGE plpython3u {body}

-- name: probe_body
# The version that is installed must know the operators that graphs are made of.
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
missing = ""
try:
    import numpy
    import onnxruntime

    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < {oldest}:
        missing = "has onnxruntime " + onnxruntime.__version__
except Exception as error:
    missing = "cannot import it: " + str(error).splitlines()[0]
if missing:
    plpy.error(sys.version.split()[0] + " " + missing, sqlstate="58000")
