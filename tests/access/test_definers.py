"""Functions that run with their owner's rights: the document on security lists all of them, each pins its search path and belongs to who may have it."""

import re
from pathlib import Path

from tests.access.world import Ruled

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
DEFINERS = """
SELECT n.nspname || '.' || p.proname, p.prorettype = 'trigger'::regtype, coalesce(p.proconfig, '{}'), pg_get_userbyid(p.proowner)::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND n.nspname <> 'pg_catalog'
"""


def kind(name: str, is_trigger: bool) -> str:
    """How the document calls a function: by its name in schema fsdb, else by what its object is."""
    schema, _, function = name.partition(".")
    if schema == "fsdb":
        return f"`{name}()`"
    if schema == "fsdb_history":
        own = function.rpartition(":")[2]
        return f"`:{own}`" if own in ("write", "remove", "erase", "truncated") or not is_trigger else "triggers of a"
    return "trigger of a model table" if is_trigger else name


def test_all_are_in_the_document(world: Ruled) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index("## Functions that run with fsdb's rights") : text.index("## Row security")]
    with world.administrator() as connection:
        rows = connection.execute(DEFINERS).fetchall()
    assert len(rows) > 20
    listed = {name for name, is_trigger, _, _ in rows if kind(name, is_trigger) not in section}
    assert listed == set()
    named = set(re.findall(r"`(fsdb\.\w+)\(\)`", section.split("|---|", 1)[1]))
    assert named - {name for name, *_ in rows} == set()


def test_each_pins_its_search_path_and_is_its_owners(world: Ruled) -> None:
    with world.administrator() as connection:
        rows = connection.execute(DEFINERS).fetchall()
    assert [name for name, _, settings, _ in rows if "search_path=pg_catalog, pg_temp" not in settings] == []
    owners = {world.user("keeper"), world.group("deployer")}
    assert {owner for *_, owner in rows} <= owners
    deployers = [name for name, _, _, owner in rows if owner != world.user("keeper")]
    assert all(name.startswith("fsdb_models.") for name in deployers)
