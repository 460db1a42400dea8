"""A notebook, run by a kernel: each table is shown once, and the text of nothing is empty."""

import sys
from types import ModuleType

import duckdb
import nbformat
import pytest
from nbclient import NotebookClient

from fsdb import notebook
from fsdb.engines.duckdb import session
from tests.conftest import TestDatabase

SETUP = """
import fsdb, sqlalchemy as sa
store = fsdb.connect({url!r})
weather = fsdb.FeatureSet("weather", keys={{"k": sa.Text}}, features=[fsdb.Feature("temp", sa.Double)])
plan = store.plan([weather])
store.apply([weather])
spine = "SELECT 'a'::text AS k, timestamptz '2100-01-01 00:00+00' AS at"
rows = store.training_set(spine=spine, features=["weather.temp"], timestamp="at")
saved = rows.save("kept")
from sklearn.linear_model import LinearRegression
model = store.register_model("m", LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), inputs={{"x": "double precision"}}, rows=[{{"x": 1.0}}])
shown = {{
    "table": store.describe("weather"),
    "status": store.status(),
    "plan": plan,
    "nothing to do": store.plan([weather]),
    "training set": rows,
    "saved": saved,
    "explanation": rows.explain(),
    "search": store.search(),
    "model": model,
    "deployment": store.deploy("m", table="scores"),
    "ingested": store.ingest("weather", "SELECT 'a' AS k, 1.5::float8 AS temp"),
    "models": store.models(),
}}
"""


MORE = ("model", "deployment", "ingested", "models")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the client's own libraries
def test_tables_are_shown_once(database: TestDatabase) -> None:
    names = ("table", "status", "plan", "nothing to do", "training set", "saved", "explanation", "search", *MORE)
    cells = [SETUP.format(url=database.url), *(f"shown[{name!r}]" for name in names)]
    cells.append("print([name for name, one in shown.items() if not str(one).strip() or not repr(one).strip()])")
    cells.append("print(rows.plan.strip() != '')")
    cells.append("store.close()")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    _, *outputs, texts, plan, _ = [cell.outputs for cell in notebook.cells]
    for name, (shown, *more) in zip(names, outputs, strict=True):
        assert (name, shown.output_type, more) == (name, "execute_result", [])
        assert shown["data"]["text/html"].strip()
        assert shown["data"]["text/plain"].strip()
    assert [output["text"] for output in (*texts, *plan)] == ["[]\n", "True\n"]


class Kernel:
    """The standard error of a notebook: it says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _drawn() -> list[tuple[bool]]:
    opened = session.Session()
    try:
        return opened.connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()
    finally:
        opened.close()


class Shell:
    """What IPython says of itself: the kernel of a notebook has one."""

    def __init__(self, **parts: object) -> None:
        vars(self).update(parts)


@pytest.mark.parametrize(("shell", "is_one"), [(None, False), (Shell(), False), (Shell(kernel=1), True)])
def test_what_is_a_notebook(shell: Shell | None, is_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ModuleType("IPython")
    made.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", made)
    assert notebook.in_notebook() == is_one
    monkeypatch.delitem(sys.modules, "IPython")
    assert not notebook.in_notebook()


def test_duckdb_draws_a_bar_at_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _drawn() == [(False,)]
    monkeypatch.setattr(sys, "stderr", Kernel())
    assert _drawn() == [(True,)]
    # A notebook's is left as DuckDB has it, which depends on how Python was started.
    monkeypatch.setattr(session, "in_notebook", lambda: True)
    with duckdb.connect(":memory:") as plain:
        assert _drawn() == plain.execute("SELECT current_setting('enable_progress_bar')").fetchall()
