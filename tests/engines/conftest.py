"""Every engine, and every state that a copy may be in."""

from pathlib import Path

import pytest

from tests.engines.states import ENGINES_TESTED, STATES


@pytest.fixture(autouse=True)
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new copies go: the test's own folder."""
    folder = tmp_path / "warehouse"
    monkeypatch.setenv("FSDB_WAREHOUSE", str(folder))
    return folder


@pytest.fixture(params=ENGINES_TESTED)
def engine(request: pytest.FixtureRequest) -> str:
    """An engine's name."""
    return str(request.param)


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    """How much of history the copy holds."""
    return str(request.param)
