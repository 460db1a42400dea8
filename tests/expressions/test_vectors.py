"""Expressions in vectors: the request's columns beside the keys, one entity and many, as training sets have it."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

import fsdb
from tests.conftest import TestDatabase

CARD = fsdb.FeatureSet(
    "card", {"card_id": "bigint"}, [fsdb.Feature("total", "double precision"), fsdb.Feature("n", "integer")]
)
EXPRESSIONS = [
    fsdb.Expression("fee_share", "fee / nullif(card.total, 0)", inputs={"fee": "double precision"}),
    fsdb.Expression("average", "card.total / card.n"),
    fsdb.Expression("lazy", "CASE WHEN card.n > 1000 THEN big * 9 ELSE 0 END", inputs={"big": "bigint"}),
    fsdb.Expression("alone", "a * 2", inputs={"a": "integer"}),
    fsdb.Expression("rooted", "sqrt(card.total - fee)", inputs={"fee": "double precision"}),
    fsdb.Expression("hour", "extract(hour from at AT TIME ZONE 'UTC')::integer", inputs={"at": "timestamptz"}),
]


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Any:
    with fsdb.connect(module_database.url) as store:
        store.apply([CARD, *EXPRESSIONS])
        store.ingest("card", pd.DataFrame({"card_id": [1, 2], "total": [10.0, -0.0], "n": [4, 0]}))
        yield store


def test_a_vector_has_what_the_request_brings(store: Any) -> None:
    chosen = ["fee_share", "card.n", "average"]
    one = store.feature_vector(chosen, {"card_id": 1, "fee": 2.5})
    assert one == {"fee_share": 0.25, "n": 4, "average": 2.5, "found": True}
    given = [{"card_id": 1, "fee": 2.5}, {"card_id": 2, "fee": 1}, {"card_id": 3, "fee": None}]
    many = store.feature_vectors(chosen, given)
    assert many.column_names == ["card_id", *one]
    assert list(many.drop_columns("card_id").to_pylist()) == [store.feature_vector(chosen, each) for each in given]
    frame = store.feature_vectors(chosen, pd.DataFrame({"card_id": [1, 2], "fee": [2.5, 1.0]}))
    assert frame.equals(many.slice(0, 2))
    with store.transaction() as connection:
        assert fsdb.vectors.feature_vector(connection, chosen, given[0]) == one


def test_what_the_condition_leaves_out_raises_nothing(store: Any) -> None:
    """A value of the request is no constant to the planner, which would multiply it in advance."""
    given = {"card_id": 1, "big": 2**63 - 1}
    for _ in range(7):  # past the custom plans
        assert store.feature_vector("lazy", given)["lazy"] == 0
    assert store.feature_vectors("lazy", [given])["lazy"].to_pylist() == [0]


def test_an_expression_of_the_request_alone(store: Any) -> None:
    assert store.feature_vector("alone", {"a": 4}) == {"alone": 8, "found": True}
    assert store.feature_vectors("alone", [{"a": 4}, {"a": None}])["alone"].to_pylist() == [8, None]
    assert store.feature_vector("hour", {"at": datetime(2024, 5, 31, 13, 59, tzinfo=UTC)})["hour"] == 13


def test_a_change_of_the_definition_counts_at_once(store: Any) -> None:
    assert store.feature_vector("average", {"card_id": 1})["average"] == 2.5
    try:
        store.apply([fsdb.Expression("average", "card.total / (card.n + 1)")])
        assert store.feature_vector("average", {"card_id": 1})["average"] == 2.0
    finally:
        store.apply([EXPRESSIONS[1]])


@pytest.mark.parametrize(
    ("features", "given", "told"),
    [
        ("fee_share", {"card_id": 1}, "reads fee .*beside the keys"),
        ("fee_share", {"card_id": 1, "fee": "x"}, "no such value"),
        ("fee_share", {"card_id": 1, "fee": True}, "no such value"),
        ("fee_share", {"card_id": 1, "fee": 1.0, "more": 2}, "'more' is not a key"),
        ("fee_share", {"fee": 1.0}, "Key 'card_id'"),
        ("alone", {"a": 2**31 - 1}, "does not hold"),
        ("alone", {"a": 2**31}, "no such value"),
        ("alone", {"a": 1.5}, "no such value"),
        ("rooted", {"card_id": 1, "fee": 11.0}, "Expression rooted"),
        ("hour", {"at": datetime(2024, 5, 31, 13, 59)}, "no such value"),
        (["average", "average"], {"card_id": 1}, "twice"),
        ("averag", {"card_id": 1}, "Did you mean average"),
    ],
)  # fmt: skip
def test_what_is_refused(store: Any, features: Any, given: dict[str, Any], told: str) -> None:
    for call in (lambda: store.feature_vector(features, given), lambda: store.feature_vectors(features, [given])):
        with pytest.raises(fsdb.FsdbError, match=told):
            call()
