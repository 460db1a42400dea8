"""Expressions as they are declared."""

from typing import Any

import pytest
import sqlalchemy as sa

from fsdb.definitions.expressions import Expression
from fsdb.errors import InvalidDefinition


def test_an_expression_knows_its_request_columns() -> None:
    declared = Expression("fee_share", "fee / nullif(card.total, 0)", inputs={"fee": sa.Double})
    assert declared.request == {"fee": "double precision"}
    assert Expression("e", "a.b + 1").request == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "a.b", "expression": "x.y"}, "a.b"),
        ({"name": "event_time", "expression": "x.y"}, "itself"),
        ({"name": "e", "expression": "fee + 1"}, "inputs={'fee'"),
        ({"name": "e", "expression": "x.y", "inputs": {"fee": "real"}}, "does not stand"),
        ({"name": "e", "expression": "fee", "inputs": {"fee": "jsonb"}}, "do not read"),
        ({"name": "e", "expression": "e", "inputs": {"e": "real"}}, "own name"),
        ({"name": "e", "expression": "(x.y"}, "no SQL expression"),
    ],
)
def test_what_cannot_be_declared(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidDefinition, match=told):
        Expression(**given)
