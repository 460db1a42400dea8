"""Hooks of mkdocs: pages that lie elsewhere in the checkout, and links that leave the documents.

The README is the front page, the notebooks are pages, the change log is one. A link to a file that is no page, such as a test, becomes its
name: the site has no copy of it.
"""

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from manual.notebooks import page  # noqa: E402 - mkdocs loads this file alone

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)]*)?\)")
ELSEWHERE = {
    "index.md": "README.md",
    "changes.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "reporting.md": "SECURITY.md",
}
PAGES = {original: name for name, original in ELSEWHERE.items()}


def moved(text: str, original: str, place: str) -> str:
    """A text of the checkout's file `original` with its links as they must be on the page `place`."""

    def link(found: re.Match[str]) -> str:
        image, words, target, anchor = found.group(1), found.group(2), found.group(3), found.group(4) or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(original), target))
        if path in PAGES:
            name = PAGES[path]
        elif path.startswith("docs/"):
            name = path.removeprefix("docs/").replace(".ipynb", ".md")
        else:
            return f'<span title="{path}">{words}</span>'
        return f"{image}[{words}]({posixpath.relpath(name, posixpath.dirname(place) or '.')}{anchor})"

    return LINK.sub(link, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that lie elsewhere, and the notebooks as pages beside their files."""
    for name, original in ELSEWHERE.items():
        text = (ROOT / original).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=moved(text, original, name)))
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        name = file.src_uri.replace(".ipynb", ".md")
        text = moved(page(Path(str(file.abs_src_path))), f"docs/{file.src_uri}", name)
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs calls it so
    """Links as the site has them."""
    name = page.file.src_uri
    return markdown if page.file.generated_by else moved(markdown, f"docs/{name}", name)
