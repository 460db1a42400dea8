"""The table of rights as docs/security.md shows it: `python -m fsdb.access.shown docs/security.md` writes it there."""

import re
import sys
from pathlib import Path

from fsdb.access.matrix import PUBLIC, ROLES, ROWS, Row

BEGIN, END = "<!-- the table of rights -->", "<!-- end of the table of rights -->"


def markdown() -> str:
    """The table, rows with the same rights together."""
    columns = (*ROLES, PUBLIC)
    same: dict[tuple[str, ...], list[Row]] = {}
    for row in ROWS:
        same.setdefault(tuple(getattr(row, column) for column in columns), []).append(row)
    lines = [f"| object | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for rights, rows in same.items():
        named = ", ".join(f"`{row.name}`" if row.name.startswith("fsdb") else row.name for row in rows)
        lines.append(f"| {named} | {' | '.join(right.replace('; ', ', ') or '–' for right in rights)} |")
    return "\n".join(lines)


def written(document: str) -> str:
    """A document with the table in its place."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{markdown()}\n\n{END}", document, flags=re.DOTALL)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(written(Path(name).read_text(encoding="utf-8")), encoding="utf-8")
