"""The comparison of definitions with what is registered, without a database."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from fsdb.catalog.feature_sets import default_text
from fsdb.definitions import BatchSet, EventTable, Feature, FeatureSet, Schedule, TrainingView, Window, WindowSet
from fsdb.definitions.expressions import Expression
from fsdb.errors import InvalidDefinition
from fsdb.migrate import changes, expression_changes, schedule_changes, window_changes
from fsdb.migrate.diff import ORDER, diff
from fsdb.migrate.registered import Registered, default_value

WEATHER = FeatureSet(
    "airport_weather",
    keys={"origin": sa.Text},
    features=[Feature("temp", sa.Double, "°F", tags=["weather"], default=0.5), Feature("wind", "real")],
    max_age="6 hours",
    description="Observations",
)
ORDERS = FeatureSet(
    "order_state", {"id": "bigint"}, [Feature("total", "numeric(10,2)")], tracks="shop.orders", event_time="updated_at"
)
DELAYS = TrainingView("delays", "SELECT * FROM flights", "scheduled_at", ("airport_weather.temp",), label="late")

PAYMENTS = EventTable("payments", id="id", event_time="paid_at", columns={"card": sa.BigInteger, "amount": sa.Double})
ACTIVITY = WindowSet(
    "activity",
    "payments",
    {"card": "card"},
    [Window("amount", ["sum", "mean"], ["1 hour", "7 days"], where="amount > 0")],
)
SHARE = Expression("share", "fee / airport_weather.wind", inputs={"fee": "real"})
NIGHTLY = Schedule("nightly", "sync", "0 3 * * *")


def registered(*definitions: FeatureSet | TrainingView) -> Registered:
    return Registered(
        {d.name: d for d in definitions if isinstance(d, FeatureSet)},
        {d.name: d for d in definitions if isinstance(d, TrainingView)},
    )


def kinds(found: tuple[changes.Change, ...]) -> list[str]:
    return [type(change).__name__ for change in found]


def test_the_same_is_no_difference() -> None:
    difference = diff(registered(WEATHER, ORDERS, DELAYS), [WEATHER, ORDERS, DELAYS], prune=True)
    assert difference.changes == ()
    assert difference.refusals == ()


def test_an_empty_database_gets_everything_in_an_order_that_works() -> None:
    found = diff(registered(), [DELAYS, ORDERS, WEATHER]).changes
    assert kinds(found) == ["CreateFeatureSet", "TrackTable", "CreateTrainingView"]
    assert found[0].sentence == "Create feature set airport_weather: key origin (text); 2 features."
    assert found[1].sentence == "Track table shop.orders as feature set order_state: key id (bigint); 1 feature."


def test_what_is_not_mentioned_stays_unless_pruned() -> None:
    assert diff(registered(WEATHER, DELAYS), [ORDERS]).changes == (changes.TrackTable(ORDERS),)
    found = diff(registered(WEATHER, DELAYS), [ORDERS], prune=True).changes
    assert kinds(found) == ["DropTrainingView", "TrackTable", "DropFeatureSet"]


def test_features_are_added_dropped_widened_and_described() -> None:
    wanted = replace(
        WEATHER,
        features=(
            Feature("wind", "double precision", "mph"),
            Feature("pressure", "real"),
        ),
    )
    found = diff(registered(WEATHER), [wanted]).changes
    assert [change.sentence for change in found] == [
        "Add feature pressure (real) to airport_weather.",
        "Widen airport_weather.wind from real to double precision.",
        "Change of airport_weather.wind the description from none to 'mph'.",
        "Drop feature temp (double precision) of airport_weather; its past stays in history.",
    ]
    assert [change.destructive for change in found] == [False, False, False, True]


def test_attributes_of_a_set() -> None:
    wanted = replace(WEATHER, max_age="1 day", owner="met", tags=("hourly",))
    (change,) = diff(registered(WEATHER), [wanted]).changes
    assert change == changes.AlterFeatureSet(
        "airport_weather",
        changes.SetAttributes(timedelta(hours=6), "Observations"),
        changes.SetAttributes(timedelta(days=1), "Observations", ("hourly",), "met"),
    )
    assert change.sentence == (
        "Change of airport_weather the max_age from 6:00:00 to 1 day, 0:00:00 and the tags from none to (hourly) and the owner from none to 'met'."
    )


def test_an_equal_default_written_otherwise_is_no_change() -> None:
    old = FeatureSet("s", {"k": "text"}, [Feature("a", "jsonb", default={"x": 1}), Feature("b", "bigint", default="7")])
    new = FeatureSet("s", {"k": "text"}, [Feature("a", "jsonb", default={"x": 1}), Feature("b", "bigint", default=7)])
    assert diff(registered(old), [new]).changes == ()


def test_a_changed_view() -> None:
    wanted = replace(DELAYS, features=("airport_weather.temp", "airport_weather.wind"))
    assert diff(registered(WEATHER, DELAYS), [wanted]).changes == (changes.AlterTrainingView(DELAYS, wanted),)


def test_a_feature_moves_to_another_place_without_a_change() -> None:
    wanted = replace(WEATHER, features=tuple(reversed(WEATHER.features)))
    assert diff(registered(WEATHER), [wanted]).changes == ()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            replace(WEATHER, features=(replace(WEATHER.features[0], type="real"), WEATHER.features[1])),
            "Feature airport_weather.temp is double precision and is defined as real: .* backfill it, and drop this one",
        ),
        (
            replace(WEATHER, features=(replace(WEATHER.features[0], type="text", default=None), WEATHER.features[1])),
            "temp is double precision and is defined as text",
        ),
        (
            replace(WEATHER, keys={"origin": "text", "hour": "integer"}),
            r"has the keys \(origin text\) and is defined with the keys \(origin text, hour integer\): keys do not change",
        ),
        (replace(WEATHER, keys={"origin": "character varying(3)"}), "keys do not change"),
        (replace(WEATHER, tracks="observations"), "has a live table of its own and is defined as one that tracks obs"),
    ],
)
def test_what_is_not_done_in_place_is_refused_with_advice(wanted: FeatureSet, said: str) -> None:
    difference = diff(registered(WEATHER), [wanted])
    assert difference.changes == ()
    (refusal,) = difference.refusals
    assert re.search(said, refusal)


def test_a_tracked_table_written_with_its_schema_is_the_same() -> None:
    tracked = FeatureSet("o", {"id": "bigint"}, [Feature("total", "real")], tracks="orders")
    assert diff(registered(tracked), [replace(tracked, tracks="public.orders")]).changes == ()
    assert diff(registered(tracked), [replace(tracked, event_time="at")]).refusals


def test_one_name_has_one_definition() -> None:
    assert diff(registered(), [WEATHER, replace(WEATHER)]).changes == (changes.CreateFeatureSet(WEATHER),)
    with pytest.raises(InvalidDefinition, match="two definitions of feature set airport_weather"):
        diff(registered(), [WEATHER, replace(WEATHER, owner="someone")])


EVERY = [
    changes.CreateFeatureSet(WEATHER),
    changes.TrackTable(ORDERS),
    changes.RemakeLiveTable("airport_weather"),
    changes.FollowTable("orders", "orders", "shop.orders", ("at", "since"), (("weight", "grams"),)),
    changes.AddFeature("airport_weather", WEATHER.features[0]),
    changes.WidenFeature("airport_weather", "wind", "real", "double precision"),
    changes.AlterFeature("airport_weather", WEATHER.features[0], replace(WEATHER.features[0], owner="met")),
    changes.AlterFeatureSet("airport_weather", changes.SetAttributes(), changes.SetAttributes(owner="met")),
    expression_changes.CreateExpression(SHARE),
    expression_changes.AlterExpression(SHARE, replace(SHARE, owner="met")),
    expression_changes.DropExpression(SHARE),
    changes.CreateTrainingView(DELAYS),
    changes.AlterTrainingView(DELAYS, replace(DELAYS, label=None)),
    changes.DropFeature("airport_weather", WEATHER.features[0]),
    changes.DropFeatureSet(ORDERS),
    changes.DropFeatureSet(WEATHER),
    changes.DropTrainingView(DELAYS),
    window_changes.CreateWindowSet(ACTIVITY),
    window_changes.AlterWindowSet(ACTIVITY, replace(ACTIVITY, features=ACTIVITY.features[:1], owner="risk")),
    window_changes.DropWindowSet(ACTIVITY),
    schedule_changes.CreateSchedule(NIGHTLY),
    schedule_changes.AlterSchedule(NIGHTLY, replace(NIGHTLY, cron="0 4 * * *")),
    schedule_changes.DropSchedule(NIGHTLY),
]


@pytest.mark.parametrize("change", EVERY, ids=lambda change: type(change).__name__)
def test_undoing_twice_is_doing(change: changes.Change) -> None:
    again = change.reverse().reverse()
    if isinstance(change, changes.AddFeature):
        assert again == changes.RestoreFeature(change.set_name, change.feature)
    else:
        assert again == change
    assert change.sentence.endswith(".")
    assert change.subject in change.sentence or change.subject.rpartition(".")[2] in change.sentence


def test_window_sets_come_after_their_events_and_before_the_views_that_use_them() -> None:
    view = TrainingView("spend", "SELECT 1", "at", "activity")
    found = diff(registered(), [view, ACTIVITY, PAYMENTS]).changes
    assert kinds(found) == ["CreateFeatureSet", "CreateWindowSet", "CreateTrainingView"]
    assert isinstance(found[2], changes.CreateTrainingView)
    assert found[2].view.features == tuple(f"activity.{one.name}" for one in ACTIVITY.computed)
    there = Registered({"payments": PAYMENTS}, {}, windows={"activity": ACTIVITY})
    assert diff(there, [PAYMENTS, ACTIVITY], prune=True).changes == ()
    assert kinds(diff(there, [], prune=True).changes) == ["DropWindowSet", "DropFeatureSet"]


def test_window_sets_change_their_features_and_nothing_that_all_of_them_go_by() -> None:
    there = Registered({"payments": PAYMENTS}, {}, windows={"activity": ACTIVITY})
    other = replace(ACTIVITY, features=[Window("amount", ["sum", "max"], "1 hour", where="amount > 0")])
    (change,) = diff(there, [other]).changes
    assert change.sentence == (
        "Change window set activity: drop amount_sum_7_days, amount_mean_1_hour, amount_mean_7_days; add amount_max_1_hour."
    )
    another = replace(ACTIVITY, features=[Window("amount", ["sum", "mean"], ["1 hour", "7 days"], where="amount > 1")])
    (change,) = diff(there, [another]).changes
    assert isinstance(change, window_changes.AlterWindowSet)
    assert len(change.dropped) == 4  # what counts other events is another feature
    (refusal,) = diff(there, [replace(ACTIVITY, offset="1 second")]).refusals
    assert refusal.startswith("Window set activity has other offset than it is defined with")


def batch(name: str, *after: str) -> BatchSet:
    return BatchSet(
        name, {"id": "bigint"}, [Feature("total", "real")], query="SELECT 1", schedule="0 3 * * *", after=after
    )


def test_a_batch_set_is_a_feature_set_and_a_schedule() -> None:
    daily = batch("daily")
    assert kinds(diff(registered(), [daily]).changes) == ["CreateFeatureSet", "CreateSchedule"]
    found = Registered({"daily": daily.parts()[0]}, {}, schedules={"daily": daily.parts()[1]})
    assert diff(found, [daily]).changes == ()
    later = replace(daily, schedule="0 4 * * *", owner="us")
    assert kinds(diff(found, [later]).changes) == ["AlterFeatureSet", "AlterSchedule"]
    assert kinds(diff(found, [], prune=True).changes) == ["DropSchedule", "DropFeatureSet"]
    assert kinds(diff(found, [daily.parts()[0]], prune=True).changes) == ["DropSchedule"]


def test_schedules_are_made_after_those_that_they_come_after_and_dropped_before_them() -> None:
    given = [batch("a", "b"), batch("b", "c"), batch("c")]
    made = [
        change.subject
        for change in diff(registered(), given).changes
        if isinstance(change, schedule_changes.CreateSchedule)
    ]
    assert made == ["c", "b", "a"]
    found = Registered({}, {}, schedules={one.name: one.parts()[1] for one in given})
    assert [change.subject for change in diff(found, [], prune=True).changes] == ["a", "b", "c"]


def test_a_circle_of_schedules_is_refused() -> None:
    with pytest.raises(
        InvalidDefinition,
        match=r"would wait for itself: . waits for . waits for . waits for .\. Take one of them out\.",
    ):
        diff(registered(), [batch("a", "b"), batch("b", "c"), batch("c", "a")])


def test_every_change_has_its_place_in_the_order() -> None:
    assert {type(change) for change in EVERY} == set(ORDER)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0, "double precision"), (0.5, "double precision"), (1e-300, "double precision"), (float("inf"), "real"),
        (7, "bigint"), ("7", "integer"), (True, "boolean"), ("t", "boolean"), ("1.50", "numeric(10,2)"),
        ([1, None, -2], "integer[]"), (["a b", "", None, "NULL", 'q"'], "text[]"), ([True, None], "boolean[]"), ("{1,2}", "bigint[]"),
        (b"\x00\xff", "bytea"), ("\\x00ff", "bytea"), ([0.1, float("nan")], "double precision[]"),
        ([1.0, -0.5], "real[]"), ([], "real[]"), ({"a": [1, None]}, "jsonb"), ("text", "jsonb"), ("plain", "text"), ("7", "text"),
        ("2020-01-01", "date"),
    ],
)  # fmt: skip
def test_a_default_survives_the_catalog(value: object, kind: str) -> None:
    text = default_text(value, kind)
    assert default_text(default_value(text, kind), kind) == text
