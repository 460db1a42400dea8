"""Every public call refuses what it does not take by one sentence of fsdb's, whatever it is given."""

from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest

import fsdb
from fsdb.deployments import Deployment
from fsdb.training import SavedTrainingSet, TrainingSet
from tests.conftest import TestDatabase
from tests.hostile.calls import Call, definitions, make_world
from tests.hostile.tried import tried

pytestmark = pytest.mark.filterwarnings("ignore")  # of late values, which the world has

# What has no arguments that could be wrong, or takes another engine's process to try.
UNTRIED = {"close", "transaction", "to_spark"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what to_parquet("weather") writes."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url, warehouse=str(tmp_path_factory.mktemp("warehouse"))) as store:
        yield store


@pytest.fixture(scope="module")
def calls(store: fsdb.Store) -> list[Call]:
    return make_world(store)


def _called(call: Call) -> set[str]:
    return set(call.arguments)


def test_every_public_callable_is_tried_with_all_its_arguments(calls: list[Call]) -> None:
    known = {call.name: call for call in [*definitions(), *calls]}
    kinds = {
        "Store": fsdb.Store,
        "Deployment": Deployment,
        "TrainingSet": TrainingSet,
        "SavedTrainingSet": SavedTrainingSet,
    }
    for kind_name, kind in kinds.items():
        for name in dir(kind):
            member = getattr(kind, name)
            if name.startswith("_") or not callable(member) or name in UNTRIED:
                continue
            call = known[f"{kind_name}.{name}"]
            assert set(signature(member).parameters) - {"self"} == _called(call), call.name
    for name in fsdb.__all__:
        kind = getattr(fsdb, name)
        made = isinstance(kind, type) and not issubclass(kind, Exception | fsdb.Store | fsdb.Table)
        if made or name == "connect":
            assert set(signature(kind).parameters) == _called(known[name]), name


def test_the_right_arguments_are_right(store: fsdb.Store, calls: list[Call]) -> None:
    # Otherwise a wrong one would be refused for another's sake.
    later = {"Deployment.stop_canary", "Deployment.promote_canary", "Deployment.stop_shadow"}
    later |= {"Deployment.promote_shadow", "Deployment.rollback"}  # each needs one that is not there yet
    for call in calls:
        if call.name in later or call.alone:
            continue
        with store.transaction() as connection, connection.transaction(force_rollback=True):
            call.run(**call.arguments)


def test_a_closed_store_says_that_it_is_closed(
    store: fsdb.Store, module_database: TestDatabase, calls: list[Call]
) -> None:
    with fsdb.connect(module_database.url) as closed:
        handles = {
            "Store": closed,
            "Deployment": closed.deployment("scores"),
            "SavedTrainingSet": closed.load_training_set("kept"),
        }
    for call in calls:
        kind, _, name = call.name.partition(".")
        if kind in handles:
            with pytest.raises(fsdb.ConnectionFailed, match=r"store on database .* is closed"):
                getattr(handles[kind], name)(**call.arguments)
    with (
        pytest.raises(fsdb.ConnectionFailed, match=r"is closed.*open another with fsdb\.connect"),
        closed.transaction(),
    ):
        pass
    closed.close()  # twice is once
    assert store.status().parts


def test_definitions_refuse_what_they_do_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDB_URL", "postgresql://127.0.0.1:1/none")  # what connect() without a URL goes to
    raw = [str(outcome) for call in definitions() for outcome in tried(call) if outcome.raw]
    assert not raw, "\n".join(raw)


@pytest.mark.slow
def test_calls_refuse_what_they_do_not_take(store: fsdb.Store, calls: list[Call]) -> None:
    raw = [str(outcome) for call in calls for outcome in tried(call, store) if outcome.raw]
    assert not raw, "\n".join(raw)
