"""What windows may be declared, and the names of their features."""

from datetime import timedelta
from typing import Any

import pytest

from fsdb.definitions.windows import Window, WindowSet
from fsdb.errors import InvalidDefinition

AMOUNT = Window("amount", ["count", "sum"], ["1 hour", timedelta(days=7)])


def test_features_are_named_by_column_function_and_width() -> None:
    activity = WindowSet(
        "card_activity",
        "public.payments",
        {"card_id": "card"},
        [AMOUNT, Window(None, "count", "90 minutes"), Window("amount", "sum", "1 hour", where="ok", name="ok")],
        offset="1 microsecond",
        step="1 minute",
        tags="cards",
    )
    assert [feature.name for feature in activity.computed] == [
        "amount_count_1_hour",
        "amount_count_7_days",
        "amount_sum_1_hour",
        "amount_sum_7_days",
        "count_1_hour_30_minutes",
        "ok_sum_1_hour",
    ]
    assert WindowSet("s", "payments", {"card": "card"}, [AMOUNT], offset="0").offset is None
    assert (activity.events, activity.tags, activity.offset) == ("payments", ("cards",), timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("column", "function", "kind"),
    [
        ("integer", "sum", "bigint"),
        ("real", "sum", "double precision"),
        ("numeric(10,2)", "sum", "numeric"),
        ("bigint", "mean", "double precision"),
        ("text", "count", "bigint"),
        ("text", "last", "text"),
        ("date", "min", "date"),
        ("numeric(10,2)", "max", "numeric(10,2)"),
    ],
)
def test_types(column: str, function: str, kind: str) -> None:
    (feature,) = Window("c", function, "1 day").features()
    assert feature.type_of(column) == kind


@pytest.mark.parametrize(
    ("column", "function"),
    [("text", "sum"), ("text", "min"), ("boolean", "mean"), ("jsonb", "max"), ("date", "stddev")],
)
def test_a_type_without_the_function(column: str, function: str) -> None:
    (feature,) = Window("c", function, "1 day").features()
    with pytest.raises(
        InvalidDefinition, match=f"is the {function} of column 'c', which is {column}: that type has none"
    ):
        feature.type_of(column)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"functions": "median"}, "'median' is no function"),
        ({"functions": []}, "is no function"),
        ({"column": None, "functions": "sum"}, "needs a column"),
        ({"widths": "1 month"}, "not a fixed duration"),
        ({"widths": "91 days"}, "reaches back 91 days: windows are of up to 90 days"),
        ({"widths": "0 days"}, "must be longer than zero"),
        ({"widths": []}, "has no width"),
        ({"where": " "}, "is empty"),
        ({"name": "Not a name"}, "cannot name a window"),
        ({"column": 7}, "column"),
    ],
)
def test_windows_that_are_none(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence):
        Window(**{"column": "amount", "functions": "sum", "widths": "1 day", **given})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"keys": {}}, "has no key"),
        ({"features": []}, "has no features"),
        ({"features": [AMOUNT, AMOUNT]}, "stands twice"),
        ({"features": [Window("amount", "sum", ["1 day", "24 hours"])]}, "stands twice"),
        ({"keys": {"xmin": "card"}}, "uses itself"),
        ({"name": "Card"}, "cannot name a window set"),
        ({"name": "fsdb.card"}, "not for users' tables"),
        ({"offset": timedelta(-1)}, "offset of s must be longer than zero"),
        ({"step": "0 days"}, "step of s must be longer than zero"),
    ],
)
def test_window_sets_that_are_none(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidDefinition, match=sentence):
        WindowSet(**{"name": "s", "events": "payments", "keys": {"card": "card"}, "features": [AMOUNT], **given})
