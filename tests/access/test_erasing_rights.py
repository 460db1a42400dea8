"""Who may erase: fsdb's role and its admins, from what deployers own, too; and nobody's code runs with their rights by it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import psycopg
import pytest
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.catalog.feature_sets import get_set
from fsdb.erasure.erase import hold
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.training.saved import delete
from tests.access.everything import tables_with
from tests.access.world import Ruled


@pytest.fixture(scope="module")
def picked(world: Ruled) -> Iterator[Ruled]:
    """A deployer's deployment and saved set, with rows of entities."""
    with world.connect("keeper") as keeper:
        keeper.execute("INSERT INTO shop.stock VALUES ('Marmite', 1), ('Tea', 2), ('Towel', 3)")
    fitted = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    with world.store("deployer") as store:
        store.register_model("picker", fitted, inputs={"left": "shop.stock.left"})
        store.deploy("picker", "picked")
        spine = pd.DataFrame({"item": ["Marmite", "Tea"], "at": [pd.Timestamp.now(tz="UTC")] * 2})
        built = store.training_set(spine=spine, features=["shop.stock.left"], timestamp="at", known="now")
        built.save("of_a_deployer")
    with world.connect("scorer") as scorer:
        for item in ("Marmite", "Tea", "Marmite"):
            scorer.execute("INSERT INTO picked (item) VALUES (%s)", (item,))
    yield world
    with world.store("deployer") as store:
        store.deployment("picked").undeploy(drop_predictions=True)
    with world.store("admin") as store, store.transaction() as connection:
        delete(connection, "of_a_deployer")


@pytest.mark.parametrize("role", ["reader", "writer", "scorer", "deployer", "nobody"])
def test_nobody_else_may(picked: Ruled, role: str) -> None:
    with pytest.raises(FsdbError), picked.store(role) as store:
        store.erase("shop.stock", {"item": "Tea"}, "asked")
    with picked.connect(role) as connection:
        for statement in (
            'SELECT fsdb_history."shop.stock:erase"(ARRAY[1])',
            "INSERT INTO fsdb.erasures (operation, feature_set, entities, why, counts) VALUES ('erase', 'x', 1, 'x', '{}')",
            "DELETE FROM fsdb.erasure_files",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]
    with picked.administrator() as connection:
        assert connection.execute("SELECT count(*) FROM shop.stock WHERE item = 'Tea'").fetchone() == (1,)


CAUGHT = (
    "CREATE FUNCTION public.catch() RETURNS trigger LANGUAGE plpgsql{} AS"
    " $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN OLD; END $$"
)
# What a deployer puts on its model table: how it is made, and how it goes.
FOREIGN = {
    "trigger": (
        CAUGHT.format(""),
        "CREATE TRIGGER catch BEFORE DELETE ON picked FOR EACH ROW EXECUTE FUNCTION public.catch()",
        "DROP FUNCTION public.catch() CASCADE",
    ),
    # It could be one that runs as its caller by the time it fires.
    "definer": (
        CAUGHT.format(" SECURITY DEFINER"),
        "CREATE TRIGGER catch AFTER DELETE ON picked FOR EACH STATEMENT EXECUTE FUNCTION public.catch()",
        "DROP FUNCTION public.catch() CASCADE",
    ),
    "child": (
        CAUGHT.format(""),
        "CREATE TABLE public.child (id bigint REFERENCES picked ON DELETE CASCADE)",
        "CREATE TRIGGER catch AFTER DELETE ON public.child FOR EACH STATEMENT EXECUTE FUNCTION public.catch()",
        "DROP TABLE public.child",
        "DROP FUNCTION public.catch()",
    ),
    "index": (
        "CREATE FUNCTION public.catch(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
        " $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN $1; END $$",
        "CREATE INDEX catch ON picked (public.catch(item)) WHERE false",
        "DROP FUNCTION public.catch(text) CASCADE",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_deployer_s_code_does_not_run_as_who_erases(picked: Ruled, kind: str) -> None:
    with picked.administrator() as connection:
        connection.execute("CREATE TABLE caught (who text); GRANT INSERT ON caught TO PUBLIC")
        connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(picked.group("deployer"))))
        statements = [one for one in FOREIGN[kind] if not one.startswith("DROP")]
        try:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]
            connection.execute("RESET ROLE")
            connection.execute("TRUNCATE caught")
            for role in ("keeper", "admin"):
                with (
                    picked.store(role) as store,
                    pytest.raises(ChangeRefused, match=r"Erasing from public\.picked would run code of role"),
                ):
                    store.erase("shop.stock", {"item": "Marmite"}, "asked")
            assert connection.execute("SELECT count(*) FROM caught").fetchone() == (0,)
        finally:
            connection.execute("RESET ROLE")
            for statement in FOREIGN[kind][len(statements) :]:
                connection.execute(statement)  # type: ignore[call-overload]
            connection.execute("DROP TABLE caught")


def test_a_table_that_follows_is_locked_against_new_triggers_or_refused(picked: Ruled) -> None:
    """Whose it is could make a trigger there after it was looked at, and before rows of it are deleted."""
    stranger, keeper = (psycopg.sql.Identifier(picked.user(role)) for role in ("nobody", "keeper"))
    run = psycopg.sql.SQL
    with picked.administrator() as connection:
        connection.execute("CREATE TABLE public.following (id bigint REFERENCES picked ON DELETE CASCADE)")
        connection.execute(run("ALTER TABLE public.following OWNER TO {}").format(stranger))
        try:
            with picked.store("keeper") as store:
                with pytest.raises(
                    ChangeRefused, match=r"may not lock that table .* GRANT DELETE ON public\.following TO"
                ):
                    store.erase("shop.stock", {"item": "nothing"}, "asked")
                connection.execute(run("GRANT DELETE ON public.following TO {}").format(keeper))
                with store.transaction() as held:
                    hold(held, get_set(held, "shop.stock"))
                    modes = connection.execute(
                        "SELECT mode FROM pg_locks WHERE relation = 'public.following'::regclass"
                    )
                    assert ("ShareRowExclusiveLock",) in modes.fetchall()
                assert store.erase("shop.stock", {"item": "nothing"}, "asked").counts["live"] == 0
        finally:
            connection.execute("DROP TABLE public.following")


def test_a_trigger_for_what_an_erasure_does_not_do_is_in_nobody_s_way(picked: Ruled) -> None:
    with picked.administrator() as connection:
        connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(picked.group("deployer"))))
        connection.execute(CAUGHT.format(""))  # type: ignore[call-overload]
        connection.execute("CREATE TRIGGER catch AFTER UPDATE ON picked FOR EACH ROW EXECUTE FUNCTION public.catch()")
        connection.execute("RESET ROLE")
        with picked.store("keeper") as store:
            assert store.erase("shop.stock", {"item": "Towel"}, "asked").counts["live"] == 1
        connection.execute("DROP FUNCTION public.catch() CASCADE")


def test_an_admin_erases_from_what_a_deployer_owns(picked: Ruled) -> None:
    with picked.store("admin") as store:
        done = store.erase("shop.stock", {"item": "Marmite"}, "asked")
        assert (done.predictions, done.training_sets) == ({"picked": 2}, {"of_a_deployer": 1})
        line = store.audit("shop.stock", "erase").to_dicts()[0]
        assert line["by"] == picked.user("admin")
    with picked.administrator() as connection:
        assert tables_with(connection, "Marmite") == []
    with picked.store("reader") as store, pytest.raises(fsdb.Erased, match="lacks 1 of 2 rows"):
        store.load_training_set("of_a_deployer").verify()
