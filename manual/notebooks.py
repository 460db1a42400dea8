"""The notebooks of the tutorial: run, and as pages of Markdown with the outputs that are kept in them."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "tutorial"
SECONDS = 120  # for one cell at the most
Cells = list[dict[str, Any]]


def _text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _fenced(kind: str, text: str) -> str:
    return f"```{kind}\n{text.rstrip()}\n```"


def _output(output: dict[str, Any]) -> str:
    """One output of a cell: in HTML where there is some, else its text."""
    if output["output_type"] == "stream":
        return _fenced("text", _text(output["text"]))
    data = output["data"]
    for kind in ("text/html", "image/svg+xml"):
        if kind in data:
            return f'<div class="output">\n{_text(data[kind]).strip()}\n</div>'
    return _fenced("text", _text(data["text/plain"]))


def cells(notebook: Path) -> Cells:
    """The cells of a notebook as they are kept."""
    kept: Cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return kept


def page(notebook: Path) -> str:
    """The whole notebook as Markdown."""
    parts: list[str] = []
    for cell in cells(notebook):
        source = _text(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts += [_fenced("python", source), *map(_output, cell["outputs"])]
    return "\n\n".join(parts) + "\n"


def printed(kept: Cells) -> list[str]:
    """What the cells print and give, as text, for a comparison."""
    outputs = [output for cell in kept if cell["cell_type"] == "code" for output in cell["outputs"]]
    return [
        _text(one["text"] if one["output_type"] == "stream" else one["data"]["text/plain"]).strip() for one in outputs
    ]


def run(notebook: Path, url: str) -> str:
    """The notebook with the outputs of a run on the database at `url`, as it is kept: without times, counts and warnings."""
    import nbformat
    from nbclient import NotebookClient

    before = dict(os.environ)
    os.environ |= {"FSDB_URL": url, "PYTHONWARNINGS": "ignore"}  # the kernel is a child
    try:
        node = nbformat.read(notebook, as_version=4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the client's own libraries
            NotebookClient(node, timeout=SECONDS, kernel_name="python3", record_timing=False).execute()
    finally:
        os.environ.clear()
        os.environ |= before
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
    node.metadata = {"kernelspec": node.metadata.kernelspec, "language_info": {"name": "python"}}
    return str(nbformat.writes(node)) + "\n"
