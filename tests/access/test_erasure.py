"""Erased means erased (26): nothing is found of an entity by who looks everywhere, and what is not to be verified any more says so."""

import json
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LinearRegression

import fsdb
from fsdb.catalog.feature_sets import get_set
from fsdb.cli.app import main
from fsdb.columnar import erasing
from fsdb.deployments import lineage, replay
from fsdb.errors import ChangeRefused, Erased, InvalidData, PartlyErased, UnknownName
from fsdb.history import tables
from tests.access.everything import files_with, tables_with
from tests.conftest import TestDatabase

MARK = "Zaphod-42-unique"
PERSON = fsdb.FeatureSet(
    "person",
    keys={"who": sa.Text},
    features=[fsdb.Feature("n", sa.Float), fsdb.Feature("note", sa.Text)],
    retention="1 day",
)
PLACE = fsdb.FeatureSet("place", keys={"who": sa.Text, "room": sa.Integer}, features=[fsdb.Feature("m", sa.Float)])
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


class House:
    """A store in which the entity is everywhere, and others beside it."""

    def __init__(self, database: TestDatabase, folder: Path) -> None:
        self.folder = folder
        self.store = fsdb.connect(database.url, str(folder))
        self.connection = database.connect()

    def fill(self) -> None:
        """Live rows, late values, tombstones, versions that left PostgreSQL, predictions, shadows, records, saved sets."""
        store, run = self.store, self.connection.execute
        store.apply([PERSON, PLACE])
        for who in (MARK, "Ford", "Trillian"):
            for day in range(4):
                run(
                    "INSERT INTO person VALUES (%s, %s, %s, %s) ON CONFLICT (who) DO UPDATE SET n = excluded.n, note = excluded.note, event_time = excluded.event_time",
                    (who, float(day), f"of {who} {day}", LONG_AGO + timedelta(days=day)),
                )
            run("UPDATE person SET n = -1, event_time = %s WHERE who = %s", (LONG_AGO - timedelta(days=1), who))  # late
            run("INSERT INTO place VALUES (%s, 1, 2.5)", (who,))
        store.sync()
        assert store.retain("person").table.rows[0][1] > 0
        run("UPDATE person SET n = n + 1")
        run("DELETE FROM person WHERE who = 'Trillian'")
        store.sync()
        fitted = LinearRegression().fit(np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 5.0]]), np.array([0.0, 1.0, 2.0]))
        for _ in range(2):
            store.register_model("score", fitted, inputs={"n": "person.n", "hour": "integer"})
        deployed = store.deploy("score", "scored", version=1)
        deployed.shadow(version=2)
        run("CREATE TABLE visits (visit integer PRIMARY KEY, who text, hour integer)")
        store.attach("score", "visits", version=1)
        for place, who in enumerate((MARK, "Ford", MARK)):
            run("INSERT INTO scored (who, hour) VALUES (%s, %s)", (who, place))
            run("INSERT INTO visits VALUES (%s, %s, %s)", (place, who, place))
        spine = pd.DataFrame(
            {"who": ["Ford", MARK, "Ford"], "at": [pd.Timestamp.now(tz="UTC")] * 3, "told": ["a", f"by {MARK}", "c"]}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            store.training_set(spine=spine, features=["person.n"], timestamp="at").save("with_mark")
            store.training_set(
                spine=spine.iloc[[0, 2]].reset_index(drop=True), features=["person.n"], timestamp="at"
            ).save("without")
        run("ANALYZE")


@pytest.fixture(scope="module")
def house(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(module_database, tmp_path_factory.mktemp("warehouse"))
    house.fill()
    yield house
    house.connection.close()
    house.store.close()


def test_it_is_refused_without_a_reason_a_key_or_a_right(house: House) -> None:
    for keys, why, error in (
        ({"who": MARK}, " ", InvalidData),
        ([], "asked", InvalidData),
        ({"who": 3}, "asked", InvalidData),
        ({"whom": MARK}, "asked", InvalidData),
        ({"who": MARK, "room": 1}, "asked", UnknownName),
    ):
        with pytest.raises(error):
            house.store.erase("person", keys, why)
    with house.store.transaction(), pytest.raises(ChangeRefused, match=r"outside transaction\(\)"):
        house.store.erase("person", {"who": MARK}, "asked")


def test_a_dry_run_counts_and_changes_nothing(house: House) -> None:
    before = house.connection.execute("SELECT count(*), max(version_id) FROM fsdb_history.person").fetchone()
    found = house.store.erase("person", {"who": MARK}, "asked", dry_run=True)
    assert (found.number, found.entities, found.pending) == (None, 1, False)
    assert found.counts["live"] == 1
    assert found.counts["predictions"] == 6
    assert found.counts["training sets"] == 1
    assert house.connection.execute("SELECT count(*), max(version_id) FROM fsdb_history.person").fetchone() == before
    assert house.connection.execute("SELECT count(*) FROM fsdb.erasures").fetchone() == (0,)


def test_nothing_is_left_of_it_anywhere(house: House) -> None:
    store, run = house.store, house.connection.execute
    others = run("SELECT who, n, note FROM person WHERE who <> %s", (MARK,)).fetchall()
    kept = run("SELECT count(*) FROM fsdb_history.person WHERE who <> %s", (MARK,)).fetchone()
    past = [LONG_AGO + timedelta(days=day, hours=1) for day in range(4)]
    as_of = [store.as_of("person", moment).to_pylist() for moment in past]
    assert any(row["who"] == MARK for row in as_of[0])
    unsaved = store.training_set(features=["place.m"], known="now")
    of_person = store.training_set(
        spine=pd.DataFrame({"who": [MARK], "at": [pd.Timestamp.now(tz="UTC")]}),
        features=["person.n"],
        timestamp="at",
        known="now",
    )

    done = store.erase("person", {"who": MARK}, "asked by the person")
    assert done.number is not None
    assert not done.pending
    assert done.training_sets == {"with_mark": 1}
    assert done.predictions == {"scored": 2, "scored_shadow": 2, "visits_predictions": 2}
    assert any("visits" in sentence for sentence in done.notes)

    # The application's own table, and another set, are left to who erases there; what PostgreSQL's statistics quote is theirs.
    left = {"public.visits", "public.place", "fsdb_history.place", "pg_catalog.pg_statistic"}
    assert set(tables_with(house.connection, MARK)) <= left
    assert store.erase("place", [{"who": MARK, "room": 1}], "asked by the person").counts["history"] == 1
    run("DELETE FROM visits WHERE who = %s", (MARK,))
    run("ANALYZE visits")
    assert tables_with(house.connection, MARK) == []
    assert files_with(house.folder, MARK) == []
    assert files_with(house.folder, "Ford") != []  # the oracle finds what is there

    assert run("SELECT who, n, note FROM person").fetchall() == others
    assert run("SELECT count(*) FROM fsdb_history.person").fetchone() == kept
    for moment, then in zip(past, as_of, strict=True):
        now = store.as_of("person", moment).to_pylist()
        assert now == [row for row in then if row["who"] != MARK]
    for engine in ("postgres", "duckdb"):
        spine = pd.DataFrame({"who": [MARK, "Ford"], "at": [pd.Timestamp.now(tz="UTC")] * 2})
        built = store.training_set(spine=spine, features=["person.n"], timestamp="at", engine=engine, known="now")
        assert built.to_pandas().n.tolist()[1] == 4.0
        assert pd.isna(built.to_pandas().n[0])
    assert store.repair("person").total == 0
    with pytest.raises(Erased, match="was built before erasure"):
        of_person.save("too_late")
    with pytest.raises(Erased, match="was built before erasure"):
        unsaved.save("too_late")
    assert run("SELECT count(*) FROM fsdb.training_sets").fetchone() == (2,)


def test_the_record_tells_who_and_why_and_not_whom(house: House) -> None:
    row = house.connection.execute(
        "SELECT by, operation, feature_set, entities, why, counts FROM fsdb.erasures ORDER BY erasure_id LIMIT 1"
    ).fetchone()
    assert row[:5] == (house.connection.info.user, "erase", "person", 1, "asked by the person")
    assert row[5]["predictions"] == 6
    line = house.store.audit("person", "erase").to_dicts()[0]
    assert line["details"]["entities"] == 1
    for statement in (
        "UPDATE fsdb.erasures SET why = 'x'",
        "DELETE FROM fsdb.erased_versions",
        "TRUNCATE fsdb.erased_predictions",
    ):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="cannot be changed"):
            house.connection.execute(statement)


def test_what_cannot_be_verified_says_so(house: House) -> None:
    saved = house.store.load_training_set("with_mark")
    with pytest.raises(Erased, match=r"lacks 1 of 3 rows: erasure \d+ took entities out of person"):
        saved.verify()
    with pytest.warns(PartlyErased, match="built from what is left"):
        rebuilt = saved.rebuild()
    assert rebuilt.to_pandas()["told"].tolist() == ["a", "c"]
    house.store.load_training_set("without").verify()
    with house.store.transaction() as connection:
        assert replay(connection, "scored", None).different == 0
        with pytest.raises(Erased, match=r"Prediction 1 of scored is gone: erasure \d+"):
            lineage(connection, "scored", 1)
        with pytest.raises(UnknownName):
            lineage(connection, "scored", 1000)
        assert len(lineage(connection, "scored", 2)) > 0


def test_files_that_were_not_reached_are_written_later(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever step dies: until it is taken up again no engine reads the copy, and then no file has the entity."""
    store, run = house.store, house.connection.execute
    for number, step in enumerate(("rebuild_set", "_remove_others", "finished")):
        who = f"Slartibartfast-{number}"
        run("INSERT INTO person VALUES (%s, 7, 'x')", (who,))
        store.sync(["person"])
        assert files_with(house.folder, who) != []
        place = (
            erasing.rebuilding if step == "rebuild_set" else erasing if step == "_remove_others" else erasing.erasures
        )
        with monkeypatch.context() as patch:
            patch.setattr(place, step, _dies)
            with pytest.raises(_Died):
                store.erase("person", {"who": who}, "asked")
        assert tables_with(house.connection, who) == []
        spine = pd.DataFrame({"who": [who, "Ford"], "at": [pd.Timestamp.now(tz="UTC")] * 2})
        found = (
            store.training_set(spine=spine, features=["person.n"], timestamp="at", known="now").to_pandas().n.tolist()
        )
        assert pd.isna(found[0])
        assert found[1] == 4.0
        with pytest.raises(fsdb.CopyBroken, match="fsdb erase --resume"):
            store.as_of("person", LONG_AGO)
        if number == 0:
            assert main(["erase", "--resume", "--url", store.url]) == 0
            assert "person" in capsys.readouterr().out
        elif number == 1:
            store.sync(["person"])
        else:
            assert store.resume_erasures() == ["person"]
        assert files_with(house.folder, who) == []
        assert any(row["who"] == "Ford" for row in store.as_of("person", LONG_AGO).to_pylist())


class _Died(BaseException):
    pass


def _dies(*_arguments: object) -> None:
    raise _Died


def test_the_files_of_a_set_that_is_dropped_meanwhile_go_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    store, run = house.store, house.connection.execute
    ghost = fsdb.FeatureSet("ghost", keys={"who": sa.Text}, features=[fsdb.Feature("n", sa.Float)])
    store.apply([ghost])
    run("INSERT INTO ghost VALUES ('Agrajag', 1)")
    store.sync(["ghost"])
    with monkeypatch.context() as patch:
        patch.setattr(erasing.rebuilding, "rebuild_set", _dies)
        with pytest.raises(_Died):
            store.erase("ghost", {"who": "Agrajag"}, "asked")
    with house.store.transaction() as connection:
        tables.drop(connection, get_set(connection, "ghost"))
    assert files_with(house.folder, "Agrajag") != []
    monkeypatch.setenv("FSDB_WAREHOUSE", str(house.folder))
    assert store.resume_erasures() == ["ghost"]
    assert files_with(house.folder, "Agrajag") == []


def test_a_writer_under_way_is_waited_for_and_a_later_one_writes_a_new_entity(house: House) -> None:
    store, run = house.store, house.connection.execute
    run("INSERT INTO person VALUES ('Marvin', 1, 'x')")
    with psycopg.connect(store.url) as writer:
        writer.execute("UPDATE person SET n = 2 WHERE who = 'Marvin'")
        writer.execute(
            "UPDATE person SET n = 3, event_time = %s WHERE who = 'Marvin'", (datetime.now(UTC) - timedelta(days=9),)
        )
        done: list[object] = []
        thread = threading.Thread(target=lambda: done.append(store.erase("person", {"who": "Marvin"}, "asked")))
        thread.start()
        while not run("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'").fetchone()[0]:
            assert thread.is_alive()
        writer.commit()
        thread.join()
    assert done[0].counts["history"] == 3  # type: ignore[attr-defined]
    assert run("SELECT count(*) FROM fsdb_history.person WHERE who = 'Marvin'").fetchone() == (0,)
    run("INSERT INTO person VALUES ('Marvin', 5, 'new')")
    assert run("SELECT n, deleted FROM fsdb_history.person WHERE who = 'Marvin'").fetchall() == [(5.0, False)]


def test_a_tracked_table_loses_its_row_and_a_trigger_that_keeps_it_refuses(house: House) -> None:
    store, run = house.store, house.connection.execute
    run("CREATE TABLE app (id integer PRIMARY KEY, name text)")
    run("INSERT INTO app VALUES (1, 'a'), (2, 'b')")
    store.track("app")
    run("CREATE FUNCTION keep_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    run("CREATE TRIGGER keep_it BEFORE DELETE ON app FOR EACH ROW EXECUTE FUNCTION keep_it()")
    with pytest.raises(ChangeRefused, match="keeps 1 rows"):
        store.erase("app", {"id": 1}, "asked")
    assert run("SELECT count(*) FROM fsdb_history.app").fetchone() == (2,)
    run("DROP TRIGGER keep_it ON app")
    run("CREATE TABLE child (id integer REFERENCES app)")
    run("INSERT INTO child VALUES (1)")
    with pytest.raises(ChangeRefused, match="other rows refer to"):
        store.erase("app", {"id": 1}, "asked")
    run("DROP TABLE child")
    assert store.erase("app", [{"id": 1}, {"id": 99}], "asked").entities == 1
    assert run("SELECT id FROM app").fetchall() == [(2,)]
    assert run("SELECT id, deleted FROM fsdb_history.app").fetchall() == [(2, False)]


def test_the_command(house: House, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = ["--url", house.store.url]
    house.connection.execute("INSERT INTO person VALUES ('Deep', 1, 'x'), ('Thought', 1, 'x'), ('a=b,c', 1, 'x')")
    assert main(["erase", "person", "--key", "Deep", "--why", "asked", *url]) == 1  # nobody to ask
    assert main(["erase", "person", "--key", "Deep", "--yes", *url]) == 1  # no reason
    capsys.readouterr()
    assert main(["erase", "person", "--key", "Deep", "--key", "a=b,c", "--why", "asked", "--yes", "--json", *url]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["live"] == 2
    file = tmp_path / "keys.csv"
    file.write_text("who\nThought\n")
    assert main(["erase", "person", "--keys", str(file), "--why", "asked", "--dry-run", *url]) == 0
    assert house.connection.execute("SELECT count(*) FROM person WHERE who = 'Thought'").fetchone() == (1,)
    assert main(["erase", "person", "--keys", str(file), "--why", "asked", "-y", *url]) == 0
    assert house.connection.execute("SELECT count(*) FROM person WHERE who = 'Thought'").fetchone() == (0,)
    assert main(["erase", "place", "--key", "who=Ford,room=1", "--why", "asked", "-y", *url]) == 0
    assert house.connection.execute("SELECT count(*) FROM place WHERE who = 'Ford'").fetchone() == (0,)
    assert main(["erase", "--resume", *url]) == 0
