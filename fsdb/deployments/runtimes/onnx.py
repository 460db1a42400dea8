"""The runtime onnx: onnxruntime in the server, called by a PL/Python function that keeps one session in each connection."""

import hashlib
from functools import lru_cache
from textwrap import indent
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composed, Literal

from fsdb.catalog.models import ModelVersion
from fsdb.deployments.objects import function
from fsdb.errors import UnsupportedModel
from fsdb.models import Program
from fsdb.models.backends.sql.signature import parameters
from fsdb.sql import query

FILE = "deployments/onnx"
OLDEST = (1, 23)  # version of onnxruntime: the first that fsdb is tested with


def refusal(connection: Connection[Any], _version: ModelVersion, program: Program) -> str | None:
    """Why a version cannot have this runtime here, with what to do; None where it can."""
    try:
        _compiled(program)
    except UnsupportedModel as refused:
        return str(refused)
    except ImportError as error:
        return f"the package {error.name} is not installed where fsdb runs: pip install 'fsdb-postgres[onnx]'."
    return language_refusal(connection) or library_refusal(connection)


def statements(connection: Connection[Any], program: Program, name: str) -> list[Composed]:
    """What keeps the graph and creates the scoring function `name` of schema fsdb_models, which loads it."""
    graph, description, source = _compiled(program)
    # By the SHA-256 of the graph, a function never scores by another one than it was made for.
    checksum = hashlib.sha256(graph).hexdigest()
    key = {"function": Literal(name), "checksum": Literal(checksum)}
    body = query(
        FILE,
        "body",
        running=SQL(indent(source, "    ")),
        description=_python(description),
        checksum=_python(checksum),
        select=_python(query(FILE, "graph", **key).as_string(connection)),
        only=SQL("" if program.has_probability else "[0]"),
    )
    return [
        query(FILE, "keep_graph", graph=Literal(graph), **key),
        query(
            FILE,
            "create",
            function=function(name),
            parameters=parameters(program),
            body=Literal(body.as_string(connection)),
        ),
    ]


def forget(connection: Connection[Any], name: str) -> None:
    """Takes away the graphs of a scoring function that was dropped; nothing where it had none."""
    connection.execute(query(FILE, "forget_graphs"), {"function": name})


def language_refusal(connection: Connection[Any]) -> str | None:
    """Why the user cannot make functions in PL/Python here, with what to do; None where that goes."""
    row = connection.execute(query(FILE, "language")).fetchone()
    assert row is not None
    available, installed, allowed, major, database, user = row
    if not available and not installed:
        return (
            "this server has no PL/Python: install it beside the server (on Debian: apt-get install "
            f"postgresql-plpython3-{major}), where the server is yours."
        )
    if not installed:
        return f"database {database} has no PL/Python: let a superuser run CREATE EXTENSION plpython3u in it."
    if not allowed:
        return f"only a superuser may make functions in PL/Python, and {user} is none: let a superuser deploy."
    return None


def library_refusal(connection: Connection[Any]) -> str | None:
    """What the server's Python lacks, with what to do; None where it has numpy and onnxruntime. The database has PL/Python."""
    body = query(FILE, "probe_body", oldest=_python(OLDEST))
    try:
        with connection.transaction():
            connection.execute(query(FILE, "probe", body=Literal(body.as_string(connection))))
    except psycopg.errors.SystemError as error:
        needed = ".".join(map(str, OLDEST))
        python, _, lack = str(error.diag.message_primary).removeprefix("plpy.Error: ").partition(" ")
        return (
            f"the runtime needs numpy and onnxruntime {needed} or newer in the server's Python {python}, which {lack}. "
            "Install them for that Python (pip install --target FOLDER numpy onnxruntime) and start the server with "
            "PYTHONPATH=FOLDER."
        )
    except psycopg.Error as error:
        if connection.closed:
            raise
        return f"PL/Python does not run in this server: {str(error.diag.message_primary or error).strip()}."
    return None


@lru_cache(maxsize=4)
def _compiled(program: Program) -> tuple[bytes, str, str]:
    """The graph, its description, and the source of what runs it."""
    from fsdb.models.backends import onnx

    made = onnx.compiled(program)
    return made.model, made.description, onnx.runner_source()


def _python(value: Any) -> SQL:
    """A value as a literal of Python, in ASCII; only texts and numbers of fsdb's own making come here."""
    return SQL(ascii(value))
