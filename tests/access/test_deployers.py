"""A deployer who is hostile becomes neither fsdb's role nor an admin by what is called after him."""

import pandas as pd
import psycopg
import pytest
from sklearn.linear_model import LogisticRegression

import fsdb
from fsdb.errors import RightMissing
from tests.access.world import Ruled

GIVEN = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
# Puts who runs it into a table that everybody may write, beside what the function gave before.
SPY = "CREATE TABLE spied (who text); GRANT INSERT, SELECT ON spied TO PUBLIC"
REPLACE = """
DO $$ DECLARE made text := pg_get_functiondef(to_regproc('fsdb_models.{name}')::oid); BEGIN
    EXECUTE regexp_replace(made, '\\mBEGIN\\M', 'BEGIN INSERT INTO public.spied SELECT current_user; ');
END $$
"""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def deployed(world: Ruled) -> str:
    """A model that a deployer has deployed, whose scoring function the deployer then made another one, with its mark."""
    name = "spying"
    with world.store("deployer") as store, world.connect("deployer") as connection:
        fitted = LogisticRegression().fit(GIVEN, GIVEN.amount > 2)
        store.register_model(name, fitted, inputs={"amount": "double precision"}, rows=GIVEN)
        store.deploy(name, "spying_scores")
        connection.execute(f'SET ROLE "{world.group("deployer")}"')
        connection.execute(SPY)  # type: ignore[call-overload]
        connection.execute("INSERT INTO spying_scores (amount) VALUES (1)")
        replace(connection, f"{name}_v1")
    return name


def replace(connection: psycopg.Connection, name: str) -> None:
    """The function also tells who runs it; its mark says that it is as fsdb made it."""
    body = (
        f"CREATE OR REPLACE FUNCTION fsdb_models.{name}(double precision, OUT prediction boolean, OUT probability double precision) LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO public.spied SELECT current_user; prediction := true; probability := 0.5; END'"
    )
    comment = connection.execute(
        "SELECT obj_description(to_regproc(%s), 'pg_proc')", [f"fsdb_models.{name}"]
    ).fetchone()
    connection.execute(f"DROP FUNCTION fsdb_models.{name}")  # type: ignore[call-overload]
    connection.execute(body)  # type: ignore[call-overload]
    digest = connection.execute(
        "SELECT left(md5(prosrc), 12) FROM pg_proc WHERE oid = to_regproc(%s)", [f"fsdb_models.{name}"]
    ).fetchone()
    assert comment is not None and digest is not None  # noqa: PT018
    mark, _, purpose = comment[0].partition(":")
    told = f"{mark.rpartition(' ')[0]} {digest[0]}:{purpose}"
    connection.execute(
        psycopg.sql.SQL("COMMENT ON FUNCTION {} IS {}").format(psycopg.sql.Identifier("fsdb_models", name), told)
    )


def test_a_function_that_a_deployer_made_runs_as_no_admin(world: Ruled, deployed: str) -> None:
    with world.store("admin") as store, world.administrator() as connection:
        with pytest.raises(fsdb.ChangeRefused, match="belongs to"):
            store.deployment("spying_scores").replay()
        store.deployment("spying_scores").score(GIVEN)
        store.deploy(deployed, "admins_scores")
        connection.execute("INSERT INTO admins_scores (amount) VALUES (1), (4)")
        ran = {row[0] for row in connection.execute("SELECT DISTINCT who FROM spied").fetchall()}
        assert ran <= {world.group("deployer"), world.user("deployer")}
        owners = connection.execute(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'admins_scores'"
        ).fetchone()
        assert owners == (world.user("keeper"),)  # what admins make is the owner's, whoever of them made it
    with world.store("deployer") as store:
        store.deployment("spying_scores").undeploy(drop_predictions=True)
    with world.connect("scorer") as connection:
        connection.execute("INSERT INTO admins_scores (amount) VALUES (1)")  # its function is still there


def test_a_deployment_is_not_moved_to_a_table_of_anothers(world: Ruled) -> None:
    """Who may change the row of his own deployment does not make it say that another's table is his."""
    with world.store("deployer") as store, world.connect("deployer") as connection:
        fitted = LogisticRegression().fit(GIVEN, GIVEN.amount > 2)
        store.register_model("moving", fitted, inputs={"amount": "double precision"}, rows=GIVEN)
        store.deploy("moving", "moving_scores")
        connection.execute(f'SET ROLE "{world.group("deployer")}"')
        connection.execute("UPDATE fsdb.deployments SET on_error = on_error WHERE name = 'moving_scores'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"table public\.taken belongs to"):
            connection.execute("UPDATE fsdb.deployments SET table_name = 'taken' WHERE name = 'moving_scores'")
        connection.execute("RESET ROLE")
        store.deployment("moving_scores").undeploy()


def test_a_deployer_deletes_his_own_training_sets_and_no_other(world: Ruled) -> None:
    spine = pd.DataFrame({"item": ["Tea"], "at": [pd.Timestamp.now(tz="UTC")]})
    for role in ("keeper", "deployer"):
        with world.store(role) as store:
            built = store.training_set(spine=spine, features=["shop.stock.left"], timestamp="at", known="now")
            built.save(f"of_the_{role}")
    with world.store("deployer") as store:
        with pytest.raises(RightMissing, match="training set of_the_keeper belongs to"):
            store.load_training_set("of_the_keeper").delete()
        assert store.load_training_set("of_the_keeper").verify()
        saved = store.load_training_set("of_the_deployer")
        saved.delete()
        for gone in (saved.delete, saved.verify):
            with pytest.raises(fsdb.UnknownName, match="of_the_deployer"):
                gone()
    with world.connect("deployer") as connection:
        assert connection.execute("DELETE FROM fsdb.training_sets WHERE name = 'none'").rowcount == 0
        for statement in (
            "DELETE FROM fsdb.training_sets",
            "DELETE FROM fsdb.training_set_columns",
            "UPDATE fsdb.training_sets SET content_hash = ''",
            "DROP TABLE fsdb_training.of_the_keeper",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]
    for role in ("reader", "writer", "scorer"):
        with pytest.raises(fsdb.FsdbError), world.store(role) as store:
            store.load_training_set("of_the_keeper").delete()
    with world.store("admin") as store:
        store.load_training_set("of_the_keeper").delete()
        line = store.audit("of_the_keeper").to_dicts()[0]
        assert line["by"] == world.user("admin")
