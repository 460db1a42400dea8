"""Inputs under names that PostgreSQL, psycopg or fsdb use themselves, where onnxruntime scores in the server."""

import numpy as np
import pytest

import fsdb
from tests.conftest import TestDatabase
from tests.deployments.test_names import USED, fitted, insert


def test_every_name_is_an_input(database: TestDatabase) -> None:
    model, X = fitted(USED)
    with fsdb.connect(database.url) as store:
        store.register_model("named", model, inputs=dict.fromkeys(USED, "double precision"), rows=X.head(30))
        deployment = store.deploy("named", table="named", runtime="onnx")
        for place in (3, 5):
            found = insert(store, "named", X.iloc[place].to_dict(), "prediction")
            assert found == pytest.approx(model.predict(X.iloc[[place]])[0], rel=1e-9)
        scored = deployment.score(X)
        assert scored.column_names[: len(USED)] == USED
        np.testing.assert_allclose(scored["prediction"].to_numpy(), model.predict(X), rtol=1e-9)
        assert (deployment.replay().checked, deployment.replay().different) == (2, 0)
