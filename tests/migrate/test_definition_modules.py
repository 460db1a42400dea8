"""Definitions and objects read from the user's files and modules."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

from fsdb.errors import InvalidDefinition, UnknownName
from fsdb.migrate.modules import load_definitions, load_object

FEATURES = """
import fsdb.definitions as d
from shared_names import KEY
weather = d.FeatureSet("weather", {KEY: "text"}, [d.Feature("temp", "real")])
same = weather
views = [d.TrainingView("delays", "SELECT 1", "at", ["weather.temp"])]
other = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared_names.py").write_text("KEY = 'origin'\n")
    (tmp_path / "shop_features.py").write_text(FEATURES)
    for name in ("shared_names", "shop_features"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize("where", ["shop_features.py", "./shop_features.py", "shop_features"])
def test_a_file_or_a_module(folder: Path, where: str) -> None:
    before = list(sys.path)
    assert [definition.name for definition in load_definitions(where)] == ["weather", "delays"]
    assert sys.path == before


def test_a_file_elsewhere_finds_its_neighbours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert len(load_definitions(str(folder / "shop_features.py"))) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", r"shop_features\.py defines nothing: assign fsdb\.FeatureSet"),
        ("x = 1\n\ny = 1 / 0\n", r"shop_features\.py, line 3, cannot be read: ZeroDivisionError: division by zero\."),
        ("def (\n", r"cannot be read: SyntaxError"),
        ("import no_such_module_at_all\n", r"line 1, cannot be read: ModuleNotFoundError: No module named"),
    ],
)
def test_a_file_that_cannot_be_used(folder: Path, text: str, said: str) -> None:
    (folder / "shop_features.py").write_text(text)
    with pytest.raises(InvalidDefinition, match=said):
        load_definitions("shop_features.py")


def test_a_refusal_of_fsdb_stays_as_it_is(folder: Path) -> None:
    (folder / "shop_features.py").write_text(
        "from fsdb.errors import UnknownName\nraise UnknownName('there is none')\n"
    )
    with pytest.raises(UnknownName, match=r"^there is none$"):
        load_definitions("shop_features.py")


@pytest.mark.parametrize("where", ["nowhere.py", "no_such_module_at_all", "folder/nothing"])
def test_nothing_there(folder: Path, where: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"nowhere|no_such_module_at_all|folder/nothing"):
        load_definitions(where)


def test_an_object_or_what_a_function_returns(folder: Path) -> None:
    (folder / "model.py").write_text("FITTED = [1]\ndef fitted():\n    return [2]\ndef broken():\n    return 1 / 0\n")
    assert load_object("model.py:FITTED") == [1]
    assert load_object("model.py:fitted") == [2]
    with pytest.raises(InvalidDefinition, match=r"model\.py, line 5, cannot be read: ZeroDivisionError"):
        load_object("model.py:broken")
    with pytest.raises(InvalidDefinition, match=r"model\.py has no 'missing'"):
        load_object("model.py:missing")
    for reference in ("model.py", "model.joblib", "model.py:a-b"):
        with pytest.raises(InvalidDefinition, match="write module:function"):
            load_object(reference)


@pytest.mark.parametrize("where", ["shop_features.py", "shop_features"])
@pytest.mark.parametrize("mode", list(PycInvalidationMode))
def test_an_edited_file_is_read_as_it_stands_whatever_bytecode_lies_beside_it(
    folder: Path, where: str, mode: PycInvalidationMode
) -> None:
    for name, before, after in (("shop_features.py", "weather", "climate"), ("shared_names.py", "origin", "placed")):
        file = folder / name
        text = file.read_text()
        py_compile.compile(str(file), invalidation_mode=mode)
        kept = file.stat()
        file.write_text(text.replace(before, after))
        os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        assert file.stat().st_size == kept.st_size
    found = in_a_new_process(f"print([(d.name, dict(d.keys)) for d in load_definitions({where!r})[:1]])", folder)
    assert found == "[('climate', {'placed': 'text'})]"


def test_a_module_that_was_read_is_read_again(folder: Path) -> None:
    assert load_definitions("shop_features")[0].name == "weather"
    (folder / "shop_features.py").write_text(FEATURES.replace('"weather", {', '"climate", {'))
    (folder / "shared_names.py").write_text("KEY = 'placed'\n")
    read = load_definitions("shop_features")[0]
    assert (read.name, read.keys) == ("climate", {"placed": "text"})  # type: ignore[union-attr]


def test_installed_packages_keep_their_bytecode(folder: Path) -> None:
    (folder / "shop_features.py").write_text("import colorsys\nimport mako.ext.autohandler as m\n" + FEATURES)
    assert in_a_new_process(
        "load_definitions('shop_features'); import colorsys, mako.ext.autohandler as m; "
        "print([type(one.__loader__).__name__ for one in (colorsys, m)])",
        folder,
    ).startswith("['SourceFileLoader', 'SourceFileLoader']")


def in_a_new_process(program: str, folder: Path) -> str:
    """What the program prints where Python reads and writes bytecode as it does by default."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONDONT")}
    program = f"from fsdb.migrate.modules import load_definitions; {program}"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
