"""The notebooks of the tutorial run, and give what is kept in them: `python -m manual notebooks` keeps it anew."""

import json
from pathlib import Path

import pytest

from manual import notebooks
from tests.conftest import TestDatabase

NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))


def test_there_are_two() -> None:
    assert [notebook.stem for notebook in NOTEBOOKS] == ["diabetes", "flights"]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_gives_what_it_shows(notebook: Path, database: TestDatabase) -> None:
    given = json.loads(notebooks.run(notebook, database.url))["cells"]
    assert notebooks.printed(given) == notebooks.printed(notebooks.cells(notebook))
