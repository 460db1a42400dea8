"""docker-compose.yml parses, pins what it pulls, and names what exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile(compose: dict[str, Any]) -> list[list[str]]:
    return [line.split() for line in compose["services"]["migrate"]["build"]["dockerfile_inline"].splitlines()]


def test_images_are_pinned(compose: dict[str, Any], dockerfile: list[list[str]]) -> None:
    assert PINNED.fullmatch(compose["services"]["postgres"]["image"])
    assert compose["services"]["postgres"]["image"].startswith("postgres:18.")
    bases = [words[1] for words in dockerfile if words[0] == "FROM"]
    assert len(bases) == 1
    assert PINNED.fullmatch(bases[0])


def test_what_is_copied_is_in_the_checkout(dockerfile: list[list[str]]) -> None:
    copied = [source for words in dockerfile if words[0] == "COPY" for source in words[1:-1]]
    assert {"fsdb", "sql", "migrations", "examples", "constraints.txt"} <= set(copied)
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_catalog_is_made_when_the_server_is_ready(compose: dict[str, Any]) -> None:
    from fsdb.cli.app import COMMANDS

    migrate, postgres = compose["services"]["migrate"], compose["services"]["postgres"]
    program, command = migrate["command"]
    assert (program, command in COMMANDS) == ("fsdb", True)
    assert migrate["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert postgres["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert migrate["restart"] == "no"


def test_both_services_mean_the_same_database(compose: dict[str, Any]) -> None:
    settings = compose["services"]["postgres"]["environment"]
    url = compose["services"]["migrate"]["environment"]["FSDB_URL"]
    assert url == (
        f"postgresql://{settings['POSTGRES_USER']}:{settings['POSTGRES_PASSWORD']}@postgres:5432/{settings['POSTGRES_DB']}"
    )


def test_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {mount.partition(":")[0] for mount in compose["services"]["postgres"]["volumes"]}
    assert used == set(compose["volumes"])
