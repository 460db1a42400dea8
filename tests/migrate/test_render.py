"""Changes as source: the rendered call, evaluated, is the change again."""

from dataclasses import fields, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdb.catalog.feature_sets import default_text
from fsdb.definitions import Feature, FeatureSet, TrainingView, Window, WindowSet, duration_text, fixed_duration
from fsdb.definitions.windows import grouped
from fsdb.errors import InvalidDefinition
from fsdb.migrate import changes, window_changes
from fsdb.migrate.registered import default_value
from fsdb.migrate.render import rendered

names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"event_time", "deleted", "xid", "found"}
)
texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40
)  # as PostgreSQL keeps them
tags = st.lists(texts, max_size=3).map(tuple)
defaults = {
    "double precision": st.one_of(st.none(), st.floats(allow_nan=False)),
    "bigint": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    "text": st.one_of(st.none(), texts),
    "boolean": st.one_of(st.none(), st.booleans()),
    "jsonb": st.one_of(st.none(), st.dictionaries(texts, st.integers())),
}


@st.composite
def features(draw: st.DrawFn) -> Feature:
    kind = draw(st.sampled_from(sorted(defaults)))
    return Feature(draw(names), kind, draw(texts), draw(tags), draw(texts), draw(defaults[kind]))


@st.composite
def sets(draw: st.DrawFn) -> FeatureSet:
    listed = draw(st.lists(features(), min_size=1, max_size=4, unique_by=lambda f: f.name))
    return FeatureSet(
        draw(names),
        {"key_column": draw(st.sampled_from(["text", "bigint"]))},
        tuple(listed),
        max_age=draw(st.one_of(st.none(), st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))),
        description=draw(texts),
        tags=draw(tags),
        owner=draw(texts),
        tracks=draw(st.one_of(st.none(), texts.filter(bool))),
        ahead=draw(st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=4000)))),
    )


def evaluated(lines: list[str]) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The operation, positional and keyword arguments that a rendered call gives."""
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    class Op:
        def __getattr__(self, name: str) -> Any:
            return lambda *given, **named: calls.append((name, given, named))

    exec("\n".join(lines), {"op": Op(), "fsdb": SimpleNamespace(Feature=Feature, Window=Window)})
    (call,) = calls
    return call


def normal(feature: Feature) -> Feature:
    return replace(feature, default=default_value(default_text(feature.default, feature.sql_type), feature.sql_type))


@given(sets())
def test_a_created_set_comes_back(definition: FeatureSet) -> None:
    change = changes.TrackTable(definition) if definition.tracks else changes.CreateFeatureSet(definition)
    name, positional, keywords = evaluated(rendered(change))
    if definition.tracks:
        assert name == "track_table"
        built = FeatureSet(keywords.pop("name"), tracks=positional[0], **keywords)
    else:
        assert name == "create_feature_set"
        built = FeatureSet(*positional, **keywords)
    assert replace(built, features=tuple(map(normal, built.features))) == replace(
        definition, features=tuple(map(normal, definition.features))
    )


@given(names, texts, texts, st.lists(texts, min_size=1, max_size=4), tags)
def test_a_created_view_comes_back(name: str, spine: str, at: str, chosen: list[str], labels: tuple[str, ...]) -> None:
    view = TrainingView(name, spine + "\n  WHERE x\n", at, tuple(chosen), tags=labels)
    operation, positional, keywords = evaluated(rendered(changes.CreateTrainingView(view)))
    assert operation == "create_training_view"
    assert TrainingView(*positional, **keywords) == view


@st.composite
def windows(draw: st.DrawFn) -> WindowSet:
    some = [timedelta(microseconds=1), timedelta(hours=36), timedelta(minutes=90), timedelta(days=7)]
    lengths = st.lists(st.sampled_from(some), min_size=1, max_size=3, unique=True)
    functions = st.lists(st.sampled_from(["count", "sum", "last"]), min_size=1, max_size=3, unique=True)
    each = st.builds(
        Window, names, functions, lengths, st.one_of(st.none(), st.just("x > 1")), st.one_of(st.none(), names)
    )
    listed = draw(st.lists(each, min_size=1, max_size=3, unique_by=lambda one: one.name or one.column))
    try:
        return WindowSet(
            draw(names), "events", {"card": "card_id"}, listed, step=draw(st.sampled_from([None, "1 day"]))
        )
    except InvalidDefinition:  # two features of one name
        return WindowSet("w", "events", {"card": "card_id"}, listed[:1])


@given(windows())
def test_a_created_window_set_comes_back(definition: WindowSet) -> None:
    name, positional, keywords = evaluated(rendered(window_changes.CreateWindowSet(definition)))
    assert name == "create_window_set"
    built = WindowSet(*positional, **keywords)
    assert (built.computed, built.step, built.keys) == (definition.computed, definition.step, definition.keys)
    again = grouped(definition.computed)
    assert [one for window in again for one in window.features()] == list(definition.computed)
    assert len(again) <= len(definition.computed)


@given(features(), features())
def test_an_altered_feature_gives_what_differs(before: Feature, after: Feature) -> None:
    after = replace(normal(after), name=before.name, type=before.type, default=None)
    before = normal(before)
    if before == after:
        return
    operation, positional, keywords = evaluated(rendered(changes.AlterFeature("s", before, after)))
    assert (operation, positional) == ("alter_feature", ("s", before.name))
    assert replace(before, **keywords) == after
    assert set(keywords) == {f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)}


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=10**6)))
def test_a_duration_comes_back(duration: timedelta) -> None:
    assert fixed_duration(duration_text(duration), "x") == duration


def test_it_reads_like_a_file_written_by_hand() -> None:
    weather = FeatureSet(
        "airport_weather",
        {"origin": "text"},
        [Feature("temp", "double precision", "Air temperature, °F", ["weather"]), Feature("wind", "real", default=0)],
        max_age="36 hours",
    )
    assert "\n".join(rendered(changes.CreateFeatureSet(weather))) == (
        "op.create_feature_set(\n"
        '    "airport_weather",\n'
        '    keys={"origin": "text"},\n'
        "    features=[\n"
        '        fsdb.Feature("temp", "double precision", description="Air temperature, °F", tags=["weather"]),\n'
        '        fsdb.Feature("wind", "real", default=0),\n'
        "    ],\n"
        '    max_age="1 day 12 hours",\n'
        ")"
    )
    assert rendered(changes.DropFeature("airport_weather", weather.features[1])) == [
        "# destructive: the feature leaves the set; its past stays in history and the way back restores it",
        'op.drop_feature("airport_weather", "wind")',
    ]
    assert rendered(changes.WidenFeature("w", "wind", "real", "double precision")) == [
        'op.alter_feature("w", "wind", type="double precision")'
    ]
    view = TrainingView("delays", "SELECT *\nFROM flights", "at", ("airport_weather.temp",), label="late")
    assert "\n".join(rendered(changes.CreateTrainingView(view))) == (
        "op.create_training_view(\n"
        '    "delays",\n'
        "    spine=(\n"
        '        "SELECT *\\n"\n'
        '        "FROM flights"\n'
        "    ),\n"
        '    timestamp="at",\n'
        '    label="late",\n'
        '    features=["airport_weather.temp"],\n'
        ")"
    )


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_texts_that_postgresql_does_not_keep_are_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition, match="takes a text "):
        TrainingView("v", text, "at", ("s.f",))


@pytest.mark.parametrize("text", ["a\nb", "tab\t", "\x01", '"', "\\n", "a\r\nb", "\x85x", "nb\u2028sp"])
def test_awkward_texts(text: str) -> None:
    view = TrainingView("v", text, "at", ("s.f",))
    assert evaluated(rendered(changes.CreateTrainingView(view)))[2]["spine"] == text
