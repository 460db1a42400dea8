"""What each role may do works with nothing but the role, from connect() to the result; what it may not is a missing right that is named."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import psycopg
import pytest
from sklearn.linear_model import LogisticRegression

import fsdb
from tests.access.world import Ruled
from tests.sessions.world import SETS, SPINE, calls

LATE = pd.Timestamp("2024-01-15", tz="UTC")
GIVEN = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
APPLICATIONS = {"training set of a view", "compare", "status"}  # read tables of the application, too

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def answers(store: fsdb.Store) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, call in calls(store).items():
        try:
            found[name] = call()
        except fsdb.RightMissing as error:
            found[name] = str(error)
    return found


def test_a_reader_reads_what_the_owner_reads(world: Ruled) -> None:
    with world.store("keeper") as keeper, world.store("reader") as reader, world.connect("keeper") as owner:
        whole, found = answers(keeper), answers(reader)
        assert {name for name in whole if found[name] != whole[name]} == APPLICATIONS
        assert all("GRANT SELECT ON TABLE public.labels" in found[name] for name in APPLICATIONS)
        owner.execute(f'GRANT SELECT ON labels TO "{world.user("reader")}"')
        found = answers(reader)
        assert {name for name in whole if found[name] != whole[name]} == {
            "status"
        }  # which cannot count a tracked table
        assert "rows are not counted without SELECT on public.taken" in found["status"]


def test_a_reader_writes_nothing(world: Ruled) -> None:
    with world.store("reader") as store:
        refused(lambda: store.ingest("account", pd.DataFrame({"id": [1], "balance": [3]})), "account")
        refused(lambda: store.apply([*SETS, fsdb.FeatureSet("more", {"id": "bigint"}, [fsdb.Feature("v", "bigint")])]))
        refused(lambda: store.deploy("plain", table="readers"))
        refused(lambda: store.sync(["account"]))
        refused(lambda: store.training_set(spine=SPINE, features=["account.balance"], timestamp="at").save("readers"))
        refused(lambda: store.grant("writer", world.user("reader")))
    with world.connect("reader") as connection:
        for statement in (
            "DELETE FROM account",
            "INSERT INTO scores (amount) VALUES (1)",
            "SELECT inputs FROM fsdb.model_checks",
            "SELECT * FROM fsdb.scoring_queue",
            "SELECT * FROM taken",
            "INSERT INTO fsdb.grants VALUES ('admin', current_user, 1)",
            "UPDATE fsdb.roles SET rolname = current_user",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_a_writer_writes_at_any_time_and_nothing_else(world: Ruled) -> None:
    with world.store("writer") as store:
        came = store.ingest("account", pd.DataFrame({"id": [51, 52], "balance": [5, 6], "event_time": LATE}))
        assert came.inserted == 2
        late = pd.DataFrame({"id": [51], "balance": [4], "event_time": LATE - pd.Timedelta("1 day")})
        assert store.ingest("account", late).late == 1
        assert store.delete("account", {"id": 52}, LATE.to_pydatetime() + pd.Timedelta("1 day")) == 1
        assert store.backfill("account", late.assign(balance=3)) == 1
        assert store.ingest("shop.stock", pd.DataFrame({"item": ["a"], "left": [6]})).inserted == 1
        refused(lambda: store.ingest("taken", pd.DataFrame({"id": [1], "amount": [5.0]})), "taken")
        refused(lambda: store.deployment("scores").score(GIVEN), "deployments")
        refused(lambda: store.apply(SETS[:1], prune=True))
    with world.connect("writer") as connection:
        connection.execute("INSERT INTO account (id, balance) VALUES (61, 1)")
        connection.execute("UPDATE account SET balance = 2 WHERE id = 61")
        connection.execute("DELETE FROM account WHERE id = 61")
        with connection.cursor().copy("COPY account (id, balance) FROM STDIN") as rows:
            rows.write("62\t4\n")
        for statement in (
            "TRUNCATE account",
            "DELETE FROM fsdb_history.account",
            "INSERT INTO scores (amount) VALUES (1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_a_scorer_scores(world: Ruled) -> None:
    with world.connect("scorer") as connection:
        scored = "INSERT INTO fed_scores (id) VALUES (1) RETURNING prediction_id, prediction"
        assert connection.execute(scored).fetchone()[1] in (0, 1)  # type: ignore[index]
        connection.execute("INSERT INTO waiting (amount) VALUES (1)")
        for statement in ("SELECT * FROM account", "DELETE FROM scores", "SELECT * FROM fsdb.model_checks"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]
    with world.store("scorer") as store, world.store("keeper") as keeper:
        deployed = store.deployment("beside")
        assert deployed.score(GIVEN).column("prediction") == keeper.deployment("beside").score(GIVEN).column(
            "prediction"
        )
        assert deployed.score(GIVEN, record=True).num_rows == 4
        refused(lambda: store.deployment("fed_scores").score(pd.DataFrame({"id": [1]})), "fsdb_history")
        refused(deployed.rollback)


def test_deployers_share_what_they_deploy_and_are_not_its_admins(world: Ruled) -> None:
    with world.store("deployer") as store:
        for edge in (1, 3):
            fitted = LogisticRegression().fit(GIVEN, edge < GIVEN.amount)
            store.register_model("theirs", fitted, inputs={"amount": "double precision"}, rows=GIVEN)
        built = store.training_set(
            spine=SPINE, features=["account.balance", "city.size"], timestamp="at", engine="postgres"
        )
        fitted = LogisticRegression().fit(built.to_pandas()[["balance", "size"]], [0, 1])
        store.register_model("theirs_fed", fitted, training_set=built)
        deployed = store.deploy("theirs", "their_scores", version=1)
        store.deploy("theirs", "their_scores", version=2)
        assert deployed.rollback().version == 1
        assert deployed.canary(2, share=0.5).promote_canary().version == 2
        store.set_stage("theirs", 1, "production")
        refused(
            lambda: store.deploy("theirs", "their_waiting", runtime="worker"),
            "fsdb.enqueue_scoring|fsdb.refuse_forged_prediction",
        )
        store.deploy("theirs_fed", "their_fed_scores")
        refused(lambda: store.deploy("plain", "scores", version=2), world.user("keeper"))
        refused(store.deployment("beside").undeploy, world.user("keeper"))
    with world.connect("scorer") as connection:  # who was given rights on what there was not yet
        connection.execute("INSERT INTO their_scores (amount) VALUES (1)")
        assert (
            connection.execute("INSERT INTO their_fed_scores (id) VALUES (1) RETURNING prediction").fetchone()
            is not None
        )
    with world.store("admin") as store:  # is no member of that role, but of the one that is
        assert store.deploy("theirs", "their_scores", version=1).version == 1
    with world.connect("deployer") as connection:
        for statement in (
            "UPDATE fsdb.deployments SET table_name = 'account' WHERE name = 'beside'",
            "DELETE FROM fsdb.deployments WHERE name = 'beside'",
            "UPDATE fsdb.deployment_inputs SET default_value = '1' WHERE deployment_id = (SELECT deployment_id FROM fsdb.deployments WHERE name = 'fed_scores')",
            "INSERT INTO fsdb.deployments (name, model, version, runtime, release, schema_name, table_name) VALUES ('e', 'plain', 1, 'sql', 1, 'public', 'account')",
            "INSERT INTO fsdb.deployment_events (deployment, action, model, version, by) VALUES ('beside', 'deploy', 'plain', 1, 'somebody')",
            "UPDATE fsdb.model_versions SET checksum = ''",
            "DELETE FROM fsdb_history.account",
            "CREATE FUNCTION fsdb_history.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE TRIGGER mine BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_an_admin_is_the_owner(world: Ruled) -> None:
    with world.store("admin") as store:
        store.apply([fsdb.FeatureSet("admins", {"id": "bigint"}, [fsdb.Feature("v", "bigint")])])
        store.ingest("admins", pd.DataFrame({"id": [1], "v": [2]}))
        store.grant("reader", world.user("nobody"))
    with world.store("nobody") as store:  # who is in a role of the cluster from that moment on
        assert store.feature_vector("admins.v", {"id": 1})["v"] == 2
    with world.store("admin") as store:
        store.revoke("reader", world.user("nobody"))
    with pytest.raises(fsdb.RightMissing):
        world.store("nobody")


def refused(call: Callable[[], Any], named: str = "") -> None:
    """The call needs a right that the user does not have, and says so."""
    with pytest.raises(fsdb.RightMissing, match=named):
        call()
