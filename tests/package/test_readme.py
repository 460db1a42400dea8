"""A new user's walk: the README's lines, in an environment that has what `pip install 'fsdb-postgres[sklearn]'` brings and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT, blocks, fits

INSTALLED = "fsdb-postgres[sklearn]"
# Runs blocks from standard input as tests/test_docs.py does, and prints what each printed, without anything of the tests' own.
RUNNER = """
import io, json, sys
from contextlib import redirect_stdout
names, printed = {}, []
for kind, text in json.load(sys.stdin):
    out = io.StringIO()
    if kind == "python":
        with redirect_stdout(out):
            exec(text, names)
    else:
        with names["store"].transaction() as connection:
            connection.execute("SET LOCAL timezone = 'UTC'")
            cursor = connection.execute(text)
            if cursor.description:
                cells = [[column.name for column in cursor.description], *[["" if v is None else str(v) for v in row] for row in cursor]]
                widths = [max(map(len, column)) for column in zip(*cells)]
                lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
                out.write("\\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]]))
    printed.append(out.getvalue())
names["store"].close()
json.dump(printed, sys.stdout)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which the README's command was carried out, from this checkout."""
    place = tmp_path_factory.mktemp("readme") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
    found = place / "bin" / "python"
    what = INSTALLED.replace("fsdb-postgres", str(ROOT))
    pip = [
        str(found),
        "-m",
        "pip",
        "install",
        "--no-compile",
        "--quiet",
        "--disable-pip-version-check",
        "--constraint",
        str(ROOT / "constraints.txt"),
    ]
    subprocess.run([*pip, what], check=True, timeout=1500)
    return found


def test_the_readme_names_this_command() -> None:
    assert f"`pip install '{INSTALLED}'`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readmes_lines_run_after_it(python: Path, server_place: Path, tmp_path: Path) -> None:
    given = list(blocks("README.md"))
    assert {kind for kind, _, _ in given} == {"python", "sql"}
    own = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME")}
    told = subprocess.run(
        [str(python), "-I", "-c", RUNNER],
        input=json.dumps([(kind, text) for kind, text, _ in given]),
        env={**own, "FSDB_DATA": str(server_place / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    for (_, text, shown), printed in zip(given, json.loads(told.stdout), strict=True):
        assert shown is None or fits(shown, printed), (
            f"README.md shows\n{shown}\nbut this is printed:\n{printed}\nby\n{text}"
        )
