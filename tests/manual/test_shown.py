"""What documents show and no test runs: commands that exist with their options, manifests and scripts that can be read."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from fsdb.cli.app import app
from manual import drawings

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTS = sorted(DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"sh", "", "yaml", "console"}
END = {"&&", "|", ">>", ">", "2>&1", "#"}


def blocks(kinds: set[str]) -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        if document.name == "commands.md":
            continue
        for kind, text in BLOCK.findall(document.read_text(encoding="utf-8")):
            if kind in kinds:
                yield document.name, text


def commands() -> Iterator[tuple[str, list[str]]]:
    """The words after `fsdb` in each line of a shell, a list of a manifest's arguments, or a DAG."""
    for document, text in blocks(SHELL | {"py"}):
        for line in text.splitlines():
            listed = re.search(r"command: \[fsdb, ([^]]*)\]", line)
            quoted = re.search(r'bash_command="fsdb ([^"]*)"', line)
            plain = re.search(r"(?:^|\$ |\s)fsdb ([a-z].*)$", line)
            if listed:
                yield document, re.split(r",\s*", listed[1])
            elif quoted:
                yield document, shlex.split(quoted[1])
            elif plain and not line.lstrip().startswith(("#", "-")):
                words = shlex.split(re.split(r"\s#|\s\|\s", plain[1])[0])
                yield document, words[: next((n for n, word in enumerate(words) if word in END), len(words))]


def test_commands_exist_with_their_options() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = list(commands())
    assert len(shown) > 40
    for document, (name, *words) in shown:
        assert name in known, f"{document} shows fsdb {name}"
        options = {option for one in known[name].params for option in [*one.opts, *one.secondary_opts]}
        given = {
            word.split("=")[0]
            for word in words[: words.index("--") if "--" in words else None]
            if re.match(r"--?[a-z]", word)
        }
        assert given <= options, f"{document} shows fsdb {name} {' '.join(words)}"


def test_manifests_can_be_read() -> None:
    read = [one for _, text in blocks({"yaml"}) for one in yaml.safe_load_all(text)]
    assert {one["kind"] for one in read if "kind" in one} == {"Job", "CronJob", "Deployment"}


@pytest.mark.parametrize("kind", ["py", "python"])
def test_scripts_can_be_read(kind: str) -> None:
    found = list(blocks({kind}))
    assert found
    for document, text in found:
        compile(text, document, "exec")


def test_the_drawings_are_as_they_are_made() -> None:
    for name, text in drawings.drawn().items():
        assert (DOCS / f"pictures/{name}.svg").read_text(encoding="utf-8") == text, (
            f"{name}.svg is stale: run `python -m manual drawings`"
        )
