"""The built site (`make docs`) is whole and asks no other host for anything."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import fsdb

SITE = Path(__file__).parents[2] / "site"
PAGES = sorted(SITE.rglob("*.html"))
LOADED = {"src", "srcset", "poster", "data", "action"}
# Of <link>, what a browser fetches or connects to; the canonical address is no fetch.
FETCHED = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
    "search",
}


class Addresses(HTMLParser):
    """What a page loads, what it links to, and the places in it that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.places.add(given["id"])
        self.loaded += [value for name, value in given.items() if name in LOADED and value]
        self.loaded += re.findall(r"url\(([^)]*)\)", given.get("style", ""))
        if tag == "link" and FETCHED & set(given.get("rel", "").split()):
            self.loaded.append(given["href"])
        if tag == "a" and given.get("href"):
            self.linked.append(given["href"])


def read(page: Path) -> Addresses:
    found = Addresses()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def outside(address: str) -> bool:
    return urlsplit(address.strip("'\"")).scheme not in ("", "data") or address.startswith("//")


@pytest.fixture(scope="module")
def pages() -> dict[Path, Addresses]:
    assert PAGES, "make docs builds the site that this test reads"
    return {page: read(page) for page in PAGES}


def test_no_page_loads_from_another_host(pages: dict[Path, Addresses]) -> None:
    assert {
        str(page): asked for page, one in pages.items() if (asked := [url for url in one.loaded if outside(url)])
    } == {}


def test_no_style_sheet_loads_from_another_host() -> None:
    sheets = [*SITE.rglob("*.css")]
    assert sheets
    found = {
        str(sheet): asked
        for sheet in sheets
        if (
            asked := [
                url
                for url in re.findall(r"(?:url\(|@import )\s*([^)\s;]+)", sheet.read_text(encoding="utf-8"))
                if outside(url)
            ]
        )
    }
    assert found == {}


def test_no_page_makes_the_theme_s_scripts_fetch(pages: dict[Path, Addresses]) -> None:
    """The theme's script knows of hosts for diagrams and for the numbers of a repository: neither is used."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 'class="mermaid"' not in text
        assert "data-md-component=source" not in text.replace('"', "")


def test_every_link_leads_to_a_place(pages: dict[Path, Addresses]) -> None:
    assert list(dead_links(pages)) == []


def dead_links(pages: dict[Path, Addresses]) -> Iterator[tuple[str, str]]:
    for page, one in pages.items():
        if page.name == "404.html":
            continue  # served at any depth, with addresses from the root
        for address in [*one.linked, *one.loaded]:
            parts = urlsplit(address)
            if parts.scheme or address.startswith("//"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                target.suffix == ".html" and parts.fragment and unquote(parts.fragment) not in pages[target].places
            ):
                yield str(page.relative_to(SITE)), address


def test_search_is_the_sites_own() -> None:
    index = (SITE / "search/search_index.json").read_text(encoding="utf-8")
    assert "tombstone" in index
    assert list((SITE / "assets/javascripts/workers").glob("search*.js"))


def test_the_reference_has_the_public_methods(pages: dict[Path, Addresses]) -> None:
    places = pages[SITE / "reference/python.html"].places
    methods = {f"fsdb.Store.{name}" for name in dir(fsdb.Store) if not name.startswith("_")}
    assert methods <= places
    assert {
        f"fsdb.errors.{name}" for name in dir(fsdb.errors) if isinstance(getattr(fsdb.errors, name), type)
    } <= places
