"""Copies of each test go to a folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new copies go."""
    folder = tmp_path / "warehouse"
    monkeypatch.setenv("FSDB_WAREHOUSE", str(folder))
    return folder
