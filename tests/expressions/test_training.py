"""Expressions in training sets, on each engine, in training views, and in saved sets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LinearRegression

import fsdb
from tests.conftest import TestDatabase

SETS = [
    fsdb.FeatureSet(
        "card",
        {"card_id": "bigint"},
        [fsdb.Feature("total", "double precision"), fsdb.Feature("n", "integer"), fsdb.Feature("kind", "varchar(10)")],
    ),
    fsdb.FeatureSet("shop", {"shop_id": "text"}, [fsdb.Feature("price", "numeric(12,2)")], max_age="1 day"),
]
EXPRESSIONS = [
    fsdb.Expression(
        "fee_share", "fee / nullif(card.total, 0)", inputs={"fee": sa.Double}, description="fee as a share"
    ),
    fsdb.Expression("average", "card.total / card.n", tags=["mean"]),
    fsdb.Expression("dear", "coalesce(shop.price * card.n > 10.5, false) OR card.kind = 'gold'"),
    fsdb.Expression("whole", "div(card.n, 2) + coalesce(bonus, 0)", inputs={"bonus": "smallint"}),
]
FEATURES = ["fee_share", "card.n", "average", "dear", "whole"]
AT = datetime.now(UTC) + timedelta(hours=1)
SPINE = pd.DataFrame(
    {
        "card_id": [1, 2, 3, 1],
        "shop_id": ["a", "b", "a", "c"],
        "fee": [1.0, 2.0, 3.0, None],
        "bonus": pd.array([1, None, 3, 4], "Int16"),
        "at": [AT] * 4,
    }
)
EXPECTED = [
    (0.1, 4, 2.5, True, 3),
    (None, 0, None, True, 0),
    (None, None, None, None, None),
    (None, 4, 2.5, False, 6),
]


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Any:
    with fsdb.connect(module_database.url) as store:
        store.apply([*SETS, *EXPRESSIONS])
        store.ingest(
            "card", pd.DataFrame({"card_id": [1, 2], "total": [10.0, -0.0], "n": [4, 0], "kind": ["x", "gold"]})
        )
        store.ingest("shop", pd.DataFrame({"shop_id": ["a", "b"], "price": [3.0, 1.0]}))
        yield store


def rows(built: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(row.values())
        for row in built.to_arrow().select(["fee_share", "n", "average", "dear", "whole"]).to_pylist()
    ]


@pytest.mark.parametrize("engine", ["postgres", "duckdb"])
def test_an_expression_is_a_feature_of_a_training_set(store: Any, engine: str) -> None:
    built = store.training_set(spine=SPINE, features=FEATURES, timestamp="at", engine=engine)
    assert rows(built) == EXPECTED
    assert built.to_arrow().column_names == [*SPINE.columns, "fee_share", "n", "average", "dear", "whole"]
    assert [tuple(row.values())[-5:] for batch in built.to_batches() for row in batch.to_pylist()] == EXPECTED
    assert built.features == ("fee_share", "n", "average", "dear", "whole")
    assert set(built.feature_ids) == {"n"}
    assert built.null_counts == {"fee_share": 3, "n": 1, "average": 2, "dear": 1, "whole": 1}


@pytest.mark.slow
def test_spark_gives_the_same(store: Any) -> None:
    store.sync()
    assert rows(store.training_set(spine=SPINE, features=FEATURES, timestamp="at", engine="spark")) == EXPECTED


def test_a_saved_set_is_built_again_as_the_expression_was(store: Any) -> None:
    saved = store.training_set(spine=SPINE, features=["fee_share", "average"], timestamp="at").save("first")
    assert [column.name for column in saved.saved.columns] == [*SPINE.columns, "fee_share", "average"]
    other = fsdb.Expression("average", "card.total / (card.n + 1)")
    try:
        store.apply([other])
        assert saved.verify() == saved.content_hash
        assert saved.rebuild("duckdb").to_arrow()["average"].to_pylist() == [2.5, None, None, 2.5]
        assert (
            store.training_set(spine=SPINE, features=["average"], timestamp="at").to_arrow()["average"].to_pylist()[0]
            == 2.0
        )
    finally:
        store.apply([EXPRESSIONS[1]])


def test_a_training_view_has_expressions_in_sql(store: Any) -> None:
    with store.transaction() as connection:
        connection.execute(
            "CREATE TABLE spine (card_id bigint, shop_id text, fee real, bonus smallint, at timestamptz)"
        )
        connection.execute(
            "INSERT INTO spine VALUES (1, 'a', 1, 1, %s), (2, 'b', 2, NULL, %s), (3, 'a', 3, 3, %s)", [AT] * 3
        )
    view = fsdb.TrainingView("fees", "SELECT * FROM spine", "at", FEATURES)
    store.apply([view])
    assert not store.plan([*SETS, *EXPRESSIONS, view])
    with store.transaction() as connection:
        found = connection.execute(
            "SELECT fee_share, n, average, dear, whole FROM fees_training ORDER BY card_id"
        ).fetchall()
        vector = connection.execute(
            "SELECT * FROM fees_vector(card_id => 1, shop_id => 'a', fee => 5, bonus => 2)"
        ).fetchall()
    assert found == EXPECTED[:3]
    assert vector == [(0.5, 4, 2.5, True, 4, True)]
    assert rows(store.training_set("fees", engine="duckdb")) == EXPECTED[:3]
    with pytest.raises(fsdb.ChangeRefused, match="training view fees"):
        store.apply([*SETS, *EXPRESSIONS[1:], view], prune=True, allow_destructive=True)
    with pytest.raises(fsdb.ChangeRefused, match="expression average"):
        store.apply([fsdb.FeatureSet("card", SETS[0].keys, [fsdb.Feature("n", "integer"), fsdb.Feature("kind", "varchar(10)")]), SETS[1], *EXPRESSIONS, view], prune=True, allow_destructive=True)  # fmt: skip


def test_a_widened_feature_compiles_what_reads_it_anew(store: Any) -> None:
    store.apply(
        [
            fsdb.FeatureSet("wide", {"id": "bigint"}, [fsdb.Feature("n", "integer")]),
            fsdb.Expression("twice", "wide.n * 2"),
        ]
    )
    store.ingest("wide", pd.DataFrame({"id": [1], "n": [2**31 - 1]}))
    spine = pd.DataFrame({"id": [1], "at": [AT]})
    with pytest.raises(fsdb.InvalidData, match="twice gives a number that integer does not hold"):
        store.training_set(spine=spine, features="twice", timestamp="at").to_arrow()
    store.apply([fsdb.FeatureSet("wide", {"id": "bigint"}, [fsdb.Feature("n", "bigint")])])
    assert store.training_set(spine=spine, features="twice", timestamp="at").to_arrow()["twice"].to_pylist() == [
        2**32 - 2
    ]


def test_the_catalog_finds_and_describes_it(store: Any) -> None:
    assert [row["name"] for row in store.search("share")] == ["fee_share"]
    assert "fee / nullif(card.total, 0)" in store.describe("fee_share").title
    assert "average" in repr(store.expressions())
    used = {row["name"]: row["used_by"] for row in store.describe("card")}
    assert "expression average" in used["total"]


def test_a_model_that_takes_an_expression_says_where_it_comes_from(store: Any) -> None:
    built = store.training_set(
        spine=SPINE.assign(label=[1.0, 2.0, 3.0, 4.0]), features=["card.n", "average"], timestamp="at", label="label"
    )
    frame = built.to_pandas()[["n", "average"]].fillna(0.0)
    fitted = LinearRegression().fit(frame, [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(
        fsdb.UnsupportedModel, match=r"takes the expression average.*inputs={'average': 'double precision'}"
    ):
        store.register_model("m", fitted, training_set=built)
    registered = store.register_model(
        "m", fitted, training_set=built, inputs={"average": "double precision"}, rows=frame
    )
    assert [one.feature for one in registered.inputs] == ["card.n", None]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda store: store.training_set(spine=SPINE.drop(columns="fee"), features="fee_share", timestamp="at"), "fee .*does not have"),
        (lambda store: store.training_set(spine=SPINE.assign(fee="x"), features="fee_share", timestamp="at"), "cast the column"),
        (lambda store: store.training_set(spine=SPINE, features=["average", "average"], timestamp="at"), "chosen twice"),
        (lambda store: store.training_set(spine=SPINE.assign(average=1), features="average", timestamp="at"), "rename"),
        (lambda store: store.training_set(spine=SPINE, features=["averag"], timestamp="at"), "Did you mean average"),
        (lambda store: store.apply([fsdb.Expression("e", "card.totl + 1")]), "Did you mean total"),
        (lambda store: store.apply([fsdb.Expression("card", "card.total + 1")]), "name of a feature set"),
        (lambda store: store.apply([fsdb.Expression("e", "card.n / 2")]), "div"),
        (lambda store: store.plan([fsdb.FeatureSet("average", {"id": "bigint"}, [fsdb.Feature("x", "real")])]), "is an expression"),
        (lambda store: store.apply([fsdb.Expression("five", "5")]) and store.training_set(spine=SPINE, features="five", timestamp="at"), "choose a feature"),
    ],
)  # fmt: skip
def test_what_is_refused(store: Any, call: Any, told: str) -> None:
    with pytest.raises(fsdb.FsdbError, match=told):
        call(store)
