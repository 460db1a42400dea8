"""Programs and ONNX bytes that somebody changed are a program still, or a sentence."""

import pytest

from bench.hostile_inputs import tried


@pytest.mark.parametrize(("kind", "count"), [("programs", 1_400), ("onnx", 700)])
def test_what_somebody_changed_is_a_sentence(kind: str, count: int) -> None:
    outcomes = list(tried(kind, "", count))
    assert len(outcomes) == count
    assert [f"{name}: {wrong}" for name, wrong in outcomes if wrong] == []
