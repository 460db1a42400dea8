"""Mutations of programs, ONNX bytes and copies: each is taken or refused in the project's words, in bounded time, and touches nothing else."""

import pytest

from tests.access.fuzz import KINDS, hunt


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_are_refused_in_the_projects_words(kind: str) -> None:
    assert hunt(kind, seed=1, count=60) == []
