"""A starter project: definitions, a migration and a test, for a folder of the user's."""

from pathlib import Path

from fsdb.errors import ChangeRefused
from fsdb.listing import listed
from fsdb.migrate.project import TEMPLATE

STARTER = TEMPLATE / "project"
SHARED = ("env.py", "script.py.mako")  # what every project's migrations have


def write(folder: Path) -> list[Path]:
    """Writes the project's files into a folder, made where there is none, and returns them. Raises ChangeRefused where one is there already."""
    texts = {file.relative_to(STARTER): file for file in sorted(STARTER.rglob("*")) if _is_text(file)}
    texts |= {Path("migrations") / name: TEMPLATE / f"{name.removesuffix('.mako')}.mako" for name in SHARED}
    there = [str(name) for name in texts if (folder / name).exists()]
    if there:
        raise ChangeRefused(
            f"{folder} has {listed(there)} already, which a starter project would write: name another folder. Nothing was written."
        )
    written = []
    for name, text in sorted(texts.items()):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.read_text(encoding="utf-8"), encoding="utf-8")
        written.append(file)
    return written


def _is_text(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts
