"""A notebook as a page of Markdown, with the outputs that are kept in it."""

import json
from pathlib import Path
from typing import Any


def _text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _fenced(kind: str, text: str) -> str:
    return f"```{kind}\n{text.rstrip()}\n```"


def _output(output: dict[str, Any]) -> str:
    """One output of a cell: a table in HTML where there is one, else its text."""
    if output["output_type"] == "stream":
        return _fenced("text", _text(output["text"]))
    data = output["data"]
    if "text/html" in data:
        return f'<div class="output">\n{_text(data["text/html"]).strip()}\n</div>'
    if "image/svg+xml" in data:
        return f'<div class="output">\n{_text(data["image/svg+xml"]).strip()}\n</div>'
    return _fenced("text", _text(data["text/plain"]))


def page(notebook: Path) -> str:
    """The whole notebook as Markdown."""
    parts: list[str] = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = _text(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        sql = source.startswith("%%sql")
        parts.append(_fenced("sql" if sql else "python", source))
        parts += [_output(output) for output in cell["outputs"] if output.get("name") != "stderr"]
    return "\n\n".join(parts) + "\n"
