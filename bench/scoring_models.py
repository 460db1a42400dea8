"""The models that scoring is measured with, by name: not fitted yet, quick to fit on a few thousand rows."""

from collections.abc import Callable
from typing import Any


def estimator(name: str) -> Any:
    """An estimator by name. Raises SystemExit with the names that there are."""
    if name not in _MODELS:
        raise SystemExit(f"There is no model {name!r}: use one of {', '.join(_MODELS)}.")
    return _MODELS[name]()


def _boosted(trees: int, depth: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=trees, max_depth=depth)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(200, max_depth=10, random_state=0)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression())


def _network() -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), MLPClassifier((64,), early_stopping=True, random_state=0))


_MODELS: dict[str, Callable[[], Any]] = {
    "gbdt100x6": lambda: _boosted(100, 6),
    "gbdt300x6": lambda: _boosted(300, 6),
    "gbdt500x8": lambda: _boosted(500, 8),
    "rf200x10": _forest,
    "logreg": _logistic,
    "mlp64": _network,
}
