"""The table of rights is what PostgreSQL says of a database with something of everything, cell by cell, and what docs/security.md shows."""

from pathlib import Path

from fsdb.access.giving import holders, missing, objects
from fsdb.access.matrix import ROWS, by_name
from fsdb.access.shown import written
from tests.access.cells import cells, unknown
from tests.access.world import Ruled

ROOT = Path(__file__).parents[2]


def test_every_object_has_a_row(world: Ruled) -> None:
    with world.administrator() as connection:
        assert unknown(connection) == []


def test_every_cell_is_as_the_table_says(world: Ruled) -> None:
    with world.administrator() as connection:
        tested = list(cells(world, connection))
    assert len(tested) > 5_000
    assert [str(cell) for cell in tested if cell.wanted != cell.found] == []


def test_every_row_is_of_something(world: Ruled) -> None:
    with world.administrator() as connection:
        there = {one.row for one in objects(connection)}
    assert {row.name for row in ROWS} - there <= {"fsdb.project_version"}
    assert len(by_name()) == len(ROWS)


def test_nothing_is_left_to_give(world: Ruled) -> None:
    with world.administrator() as connection:
        assert list(missing(objects(connection), holders(connection))) == []


def test_the_documents_show_it() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert written(document) == document, "run python -m fsdb.access.shown docs/security.md"
