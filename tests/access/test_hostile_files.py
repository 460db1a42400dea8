"""Mutations of programs, ONNX bytes and copies: each is taken or refused in the project's words, in bounded time, and touches nothing else."""

import pytest

from fsdb.engines.duckdb.session import Session
from tests.access.fuzz import KINDS, hunt


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_are_refused_in_the_projects_words(kind: str) -> None:
    assert hunt(kind, seed=1, count=60) == []


def test_duckdb_opens_nothing_else() -> None:
    session = Session()
    for text in (
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
        "COPY (SELECT 1) TO '/tmp/fsdb-made.csv'",
        "ATTACH '/tmp/fsdb-made.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
    ):
        with pytest.raises(Exception, match=r"(?i)cannot|disabled"):
            session.connection.execute(text)
    session.close()
