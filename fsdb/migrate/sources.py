"""Loads the users' files from their source as it stands now.

Python takes bytecode for a file's own where time (to the second) and size agree. A migration that is edited twice within a second, or
files that are all given one time (by a container image, by a version control system), can then run as they stood before.
"""

import importlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from fsdb.forks import Lock
from fsdb.ownership import check_code

_STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_NOWHERE = str(Path(__file__) / "no-bytecode")  # below a file: there can be no such folder


class SourceLoader(SourceFileLoader):
    """Compiles the file each time; reads no bytecode and leaves none."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it stands."""
        path = self.get_filename(fullname)
        check_code(path)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder:
    """Finds modules as Python does, and loads from source those that no installer put there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path, target)
        if found and type(found.loader) is SourceFileLoader and not _is_installed(found.loader.path):
            found.loader = SourceLoader(found.loader.name, found.loader.path)
        return found


def _is_installed(path: str) -> bool:
    return path.startswith(_STANDARD) or not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)


@contextmanager
def imported_from_source() -> Iterator[None]:
    """What is imported meanwhile, and is no installed package, is loaded from its source, also what was loaded so before."""
    finder = _SourceFinder()
    for name, module in list(sys.modules.items()):
        if isinstance(getattr(module, "__loader__", None), SourceLoader):
            del sys.modules[name]
    importlib.invalidate_caches()  # a file that was written a moment ago is found
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Bytecode:
    """Whether Python uses bytecode: settings of the process, put back when the last of several threads leaves."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.inside = 0
        self.before: tuple[str | None, bool] = (None, False)

    def leave_out(self) -> None:
        with self.lock:
            if not self.inside:
                self.before = sys.pycache_prefix, sys.dont_write_bytecode
                sys.pycache_prefix, sys.dont_write_bytecode = _NOWHERE, True
            self.inside += 1

    def use_again(self) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                sys.pycache_prefix, sys.dont_write_bytecode = self.before


_bytecode = _Bytecode()


@contextmanager
def without_bytecode() -> Iterator[None]:
    """Python finds no bytecode meanwhile and writes none, also where Alembic loads scripts in its own way."""
    _bytecode.leave_out()
    try:
        yield
    finally:
        _bytecode.use_again()
