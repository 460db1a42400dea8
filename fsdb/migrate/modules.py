"""Reads definitions from the user's Python file or module."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from fsdb.errors import FsdbError, InvalidDefinition
from fsdb.migrate.diff import Definition
from fsdb.migrate.sources import SourceLoader, imported_from_source


def load_definitions(where: str) -> list[Definition]:
    """The feature sets, window sets, expressions, batch sets, schedules and training views that stand at the top of a Python file ("features.py") or module ("shop.features").

    Those in lists and tuples there count too. Raises InvalidDefinition where the file cannot be read, raises itself, or has none.
    """
    found: list[Definition] = []
    for value in vars(_imported(where)).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Definition) and not any(item is known for known in found):
                found.append(item)
    if not found:
        raise InvalidDefinition(
            f"{where} defines nothing: assign fsdb.FeatureSet(…) or fsdb.TrainingView(…) to a name at its top level."
        )
    return found


def load_object(reference: str) -> Any:
    """What "module:name" or "file.py:name" refers to; a function is called without arguments and gives the object.

    Raises InvalidDefinition where there is no such thing.
    """
    where, colon, name = reference.rpartition(":")
    if not colon or not name.isidentifier():
        raise InvalidDefinition(f"{reference!r} is not a reference: write module:function or file.py:function.")
    module = _imported(where)
    if not hasattr(module, name):
        raise InvalidDefinition(f"{where} has no {name!r}.")
    found = getattr(module, name)
    if not callable(found) or isinstance(found, type):
        return found
    with _reported(where):
        return found()


def _imported(where: str) -> ModuleType:
    path = Path(where)
    is_file = path.suffix == ".py" or "/" in where
    if is_file and not path.is_file():
        raise InvalidDefinition(f"There is no file {where}: name the Python file or module that holds the definitions.")
    with _reported(where), _importable(path.resolve().parent if is_file else Path.cwd()):
        if not is_file:
            return importlib.import_module(where)
        name = f"fsdb_definitions_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path, loader=SourceLoader(name, str(path)))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The file's neighbours can be imported while it is read, as when it is run; each is read as it stands now."""
    sys.path.insert(0, str(folder))
    try:
        with imported_from_source():
            yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _reported(where: str) -> Iterator[None]:
    try:
        yield
    except FsdbError:
        raise
    except Exception as error:
        line, trace = None, error.__traceback__
        while trace is not None:
            if Path(trace.tb_frame.f_code.co_filename).name == Path(where).name:
                line = trace.tb_lineno
            trace = trace.tb_next
        place = f"{where}, line {line}," if line else where
        raise InvalidDefinition(f"{place} cannot be read: {type(error).__name__}: {error}.") from error
