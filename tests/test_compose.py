"""docker-compose.yml parses, pins what it pulls, and names what exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
OURS = ("migrate", "worker", "sync")  # services of the image of the command line
PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfiles(compose: dict[str, Any]) -> dict[str, str]:
    """The Dockerfile of each service, its continued lines joined."""
    builds = {name: service["build"] for name, service in compose["services"].items()}
    assert {build["context"] for build in builds.values()} == {"."}
    texts = {
        name: build.get("dockerfile_inline") or (ROOT / build["dockerfile"]).read_text(encoding="utf-8")
        for name, build in builds.items()
    }
    return {name: text.replace("\\\n", " ") for name, text in texts.items()}


def instructions(dockerfile: str, instruction: str) -> list[list[str]]:
    """The words of each line with that instruction."""
    lines = [line.split() for line in dockerfile.splitlines()]
    return [words[1:] for words in lines if words and words[0] == instruction]


def test_images_are_pinned(dockerfiles: dict[str, str]) -> None:
    bases = {name: instructions(text, "FROM") for name, text in dockerfiles.items()}
    assert set(bases) == {"postgres", *OURS}
    for ((image,),) in bases.values():
        assert PINNED.fullmatch(image)
    assert bases["postgres"][0][0].startswith("postgres:18.")


def test_what_is_copied_is_in_the_checkout(dockerfiles: dict[str, str]) -> None:
    copied = {
        name: [source for words in instructions(text, "COPY") for source in words[:-1]]
        for name, text in dockerfiles.items()
    }
    assert {"fsdb", "sql", "migrations", "examples", "constraints.txt", "LICENSE"} <= set(copied["migrate"])
    assert {"docker/initdb", "constraints.txt"} <= set(copied["postgres"])
    assert [source for sources in copied.values() for source in sources if not (ROOT / source).exists()] == []


def test_the_server_has_what_the_runtime_onnx_needs(dockerfiles: dict[str, str]) -> None:
    text = dockerfiles["postgres"]
    (run,) = [" ".join(words) for words in instructions(text, "RUN")]
    assert '"postgresql-plpython3-${PG_MAJOR}=${PG_VERSION}"' in run  # of the image's own release
    assert "chmod -R a+rX /docker-entrypoint-initdb.d;" in run  # a checkout may have been made with umask 077
    installed = re.search(r"pip install .*--constraint \S+ --target (\S+) ([a-z ]+);", run)
    assert installed is not None
    assert set(installed[2].split()) == {"onnxruntime", "numpy"}
    assert instructions(text, "ENV") == [[f"PYTHONPATH={installed[1]}"], ["ORT_DISABLE_TELEMETRY=1"]]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert {"onnxruntime", "numpy"} <= {line.partition("==")[0] for line in constraints}
    created = [file.read_text(encoding="utf-8").strip() for file in (ROOT / "docker" / "initdb").iterdir()]
    assert created == ["CREATE EXTENSION plpython3u;"]


def test_the_catalog_is_made_when_the_server_is_ready_and_the_others_follow(compose: dict[str, Any]) -> None:
    services = compose["services"]
    migrate, postgres = services["migrate"], services["postgres"]
    assert migrate["command"] == ["init"]
    assert migrate["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert postgres["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert migrate["restart"] == "no"
    for name in ("worker", "sync"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_each_service_runs_a_command_that_there_is(
    name: str, compose: dict[str, Any], dockerfiles: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from fsdb.cli.app import main

    assert instructions(dockerfiles[name], "ENTRYPOINT") == [['["fsdb"]']]
    command, *options = compose["services"][name]["command"]
    assert main([command, *options, "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(option in shown for option in options if option.startswith("--"))


def test_all_of_fsdb_is_one_image_on_the_same_database(compose: dict[str, Any]) -> None:
    settings = compose["services"]["postgres"]["environment"]
    url = f"postgresql://{settings['POSTGRES_USER']}:{settings['POSTGRES_PASSWORD']}@postgres:5432/{settings['POSTGRES_DB']}"
    for name in OURS:
        assert compose["services"][name]["image"] == "fsdb"
        assert compose["services"][name]["environment"]["FSDB_URL"] == url


def test_the_image_runs_as_no_root_and_keeps_copies_in_the_volume(
    compose: dict[str, Any], dockerfiles: dict[str, str]
) -> None:
    text = dockerfiles["sync"]
    assert instructions(text, "USER") == [["fsdb"]]
    place = "/var/lib/fsdb/warehouse"
    assert [f"FSDB_WAREHOUSE={place}"] in instructions(text, "ENV")
    assert any("install" in words and place in words for words in instructions(text, "RUN"))
    assert compose["services"]["sync"]["volumes"] == [f"warehouse:{place}"]
    assert "'.[onnx]'" in text  # the worker's


def test_the_user_has_no_schema_of_that_name(compose: dict[str, Any]) -> None:
    # What a user creates without naming a schema would otherwise go among fsdb's own tables.
    user = compose["services"]["postgres"]["environment"]["POSTGRES_USER"]
    assert not user.startswith("fsdb")
    assert f"--username={user}" in compose["services"]["postgres"]["healthcheck"]["test"]


def test_parallel_queries_have_memory_to_share(compose: dict[str, Any]) -> None:
    assert compose["services"]["postgres"]["shm_size"] == "1gb"


def test_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {mount.partition(":")[0] for service in compose["services"].values() for mount in service.get("volumes", ())}
    assert used == set(compose["volumes"])
