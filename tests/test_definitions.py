"""Definitions refuse what cannot work where it is written, each with one sentence that says what to do."""

from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from fsdb.catalog.feature_sets import default_text
from fsdb.definitions import MOST_FEATURES, Feature, FeatureSet, TrainingView, fixed_duration
from fsdb.errors import InvalidDefinition
from fsdb.types import sql_type, widens


def numbered(count: int) -> list[Feature]:
    return [Feature(f"f{n}", sa.Float) for n in range(count)]


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [
        (sa.SmallInteger, "smallint"),
        (sa.Integer, "integer"),
        (sa.BigInteger(), "bigint"),
        (sa.REAL, "real"),
        (sa.Float, "double precision"),
        (sa.Double, "double precision"),
        (sa.Float(53), "double precision"),
        (sa.Float(24), "real"),
        (sa.Numeric, "numeric"),
        (sa.Numeric(12, 3), "numeric(12,3)"),
        (sa.Boolean, "boolean"),
        (sa.Text, "text"),
        (sa.String(20), "character varying(20)"),
        (sa.Date, "date"),
        (sa.DateTime(timezone=True), "timestamp with time zone"),
        (sa.Uuid, "uuid"),
        (sa.ARRAY(sa.REAL), "real[]"),
        (sa.ARRAY(sa.Float), "real[]"),
        (sa.ARRAY(sa.Double), "double precision[]"),
        (sa.ARRAY(sa.Integer), "integer[]"),
        ("int8[]", "bigint[]"),
        (sa.ARRAY(sa.String), "text[]"),
        (postgresql.ARRAY(sa.Boolean), "boolean[]"),
        (sa.LargeBinary, "bytea"),
        (postgresql.JSONB, "jsonb"),
        ("float8", "double precision"),
        ("numeric(7)", "numeric(7,0)"),
        ("VARCHAR( 5 )", "character varying(5)"),
        ("timestamptz", "timestamp with time zone"),
    ],
)
def test_types_have_postgresqls_names(given_type: object, expected: str) -> None:
    assert sql_type(given_type, "x") == expected  # type: ignore[arg-type]


def test_a_time_without_zone_is_refused_with_advice() -> None:
    with pytest.raises(InvalidDefinition, match=r"DateTime\(timezone=True\)"):
        Feature("at", sa.DateTime)


@pytest.mark.parametrize(
    "kind", ["money", sa.Time, "text; DROP TABLE x", sa.ARRAY(sa.Date), sa.ARRAY(sa.Text, dimensions=2)]
)
def test_other_types_are_refused_by_name(kind: object) -> None:
    with pytest.raises(InvalidDefinition, match="which fsdb does not keep"):
        Feature("f", kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "shown"), [(float, "float"), (np.float32, "float32"), (8, "8"), (None, "None")])
def test_what_is_no_type_of_a_database_is_refused(kind: object, shown: str) -> None:
    with pytest.raises(InvalidDefinition, match=f"feature 'f' has the type {shown}, which is not a type of PostgreSQL"):
        Feature("f", kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "default"),
    [("integer[]", [1.5]), ("integer[]", ["a"]), ("text[]", [1]), ("bigint[]", 5), ("boolean[]", [True, "x"])],
)
def test_a_default_of_another_kind_is_no_array(kind: str, default: object) -> None:
    with pytest.raises(InvalidDefinition, match=r"The default .* is no"):
        default_text(default, kind)


def test_a_text_is_one_tag() -> None:
    assert Feature("f", "text", tags="flights").tags == ("flights",)


@pytest.mark.parametrize("name", ['we"ather', "a;b", "wétter", "x" * 51, "", "9lives", "Upper", "a b", "a.b.c", "a\n"])
def test_names_of_sets_are_checked(name: str) -> None:
    with pytest.raises(InvalidDefinition, match="cannot name a feature set"):
        FeatureSet(name, keys={"k": sa.Integer}, features=numbered(1))


@pytest.mark.parametrize("name", ['te"mp', "a;b", "wärme", "x" * 51, "", "Temp"])
def test_names_of_features_are_checked(name: str) -> None:
    with pytest.raises(InvalidDefinition, match="cannot name a key or feature of s"):
        FeatureSet("s", keys={"k": sa.Integer}, features=[Feature(name, sa.Float)])


def test_tracked_tables_may_have_any_column_names() -> None:
    tracked = FeatureSet(
        "s", keys={"Schlüssel; --": sa.Integer}, features=[Feature('te"mp', sa.Float)], tracks="Ünïcode"
    )
    assert tracked.sql_keys == {"Schlüssel; --": "integer"}


@pytest.mark.parametrize("name", ["version_id", "event_time", "deleted", "valid_from", "found", "ctid"])
def test_names_that_history_uses_are_refused(name: str) -> None:
    with pytest.raises(InvalidDefinition, match="history uses itself"):
        FeatureSet("s", keys={"k": sa.Integer}, features=[Feature(name, sa.Float)])


def test_a_set_without_features_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="holds at least one"):
        FeatureSet("s", keys={"k": sa.Integer}, features=[])


def test_too_many_features_are_refused_with_how_to_split() -> None:
    FeatureSet("s", keys={"k": sa.Integer}, features=numbered(MOST_FEATURES))
    with pytest.raises(InvalidDefinition, match="Split it into sets with the same keys, of at most 1590 features each"):
        FeatureSet("s", keys={"k": sa.Integer}, features=numbered(MOST_FEATURES + 1))
    many = {f"k{n}": sa.Integer for n in range(5)}
    with pytest.raises(InvalidDefinition, match="of at most 1588 features each"):
        FeatureSet("s", keys=many, features=numbered(MOST_FEATURES))


def test_keys_need_exact_equality_and_a_name_of_their_own() -> None:
    with pytest.raises(InvalidDefinition, match="no exact equality"):
        FeatureSet("s", keys={"k": sa.Float}, features=numbered(1))
    with pytest.raises(InvalidDefinition, match="appears twice"):
        FeatureSet("s", keys={"f0": sa.Integer}, features=numbered(1))
    with pytest.raises(InvalidDefinition, match="has no key"):
        FeatureSet("s", keys={}, features=numbered(1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6 hours", timedelta(hours=6)),
        ("1 day 12 hours", timedelta(days=1.5)),
        ("90 min", timedelta(minutes=90)),
        ("1.5 seconds", timedelta(seconds=1.5)),
        ("2 weeks", timedelta(days=14)),
    ],
)
def test_fixed_durations(text: str, expected: timedelta) -> None:
    assert fixed_duration(text, "s") == expected


@pytest.mark.parametrize("text", ["1 month", "2 years", "soon", "", "6", "hours", "6 hours ago", "-1 hours"])
def test_durations_that_are_not_fixed_are_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition, match="is not a fixed duration"):
        fixed_duration(text, "s")


def test_a_duration_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="must be longer than zero"):
        fixed_duration("0 hours", "s")


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9999)))
def test_timedeltas_are_taken_as_they_are(duration: timedelta) -> None:
    assert fixed_duration(duration, "s") is duration


def test_public_is_the_schema_of_names_without_one() -> None:
    named = FeatureSet("public.s", keys={"k": sa.Integer}, features=numbered(1))
    assert named == FeatureSet("s", keys={"k": sa.Integer}, features=numbered(1))
    assert (named.schema, named.table_name) == ("public", "s")


def test_definitions_are_frozen_and_compare_by_value() -> None:
    make = lambda: FeatureSet("s", keys={"k": sa.Integer}, features=[Feature("f", "float8", tags=["a"])])  # noqa: E731
    assert make() == make()
    with pytest.raises(AttributeError):
        make().name = "t"  # type: ignore[misc]


def test_a_view_without_features_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="names no features"):
        TrainingView("v", spine="SELECT 1", timestamp="at", features=())


WIDENINGS = {
    ("smallint", "integer"),
    ("smallint", "bigint"),
    ("integer", "bigint"),
    ("real", "double precision"),
    ("character varying(5)", "text"),
    ("character varying(5)", "character varying"),
    ("character varying(5)", "character varying(6)"),
    ("character varying", "text"),
    ("numeric(5,2)", "numeric"),
    ("numeric(5,2)", "numeric(6,2)"),
    ("numeric(5,2)", "numeric(6,3)"),
}


def test_only_changes_that_keep_every_value_widen() -> None:
    names = sorted({name for pair in WIDENINGS for name in pair} | {"boolean", "numeric(5,3)", "jsonb", "date"})
    found = {(old, new) for old in names for new in names if widens(old, new)}
    wider_still = {
        ("character varying(6)", "text"),
        ("character varying(6)", "character varying"),
        ("numeric(6,2)", "numeric"),
        ("numeric(6,3)", "numeric"),
        ("numeric(5,3)", "numeric"),
        ("numeric(5,3)", "numeric(6,3)"),  # two digits before the point fit where three may stand
        ("smallint", "numeric"),
        ("integer", "numeric"),
        ("bigint", "numeric"),
        ("smallint", "real"),
        ("smallint", "double precision"),
        ("integer", "double precision"),  # 53 bits hold 31
    }
    assert found == WIDENINGS | wider_still
