"""Copies of a test go into the test's own folder."""

from pathlib import Path

import pytest

from tests.engines.spark_session import spark  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new copies go."""
    folder = tmp_path / "warehouse"
    monkeypatch.setenv("FSDB_WAREHOUSE", str(folder))
    return folder
