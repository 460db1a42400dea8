"""From LightGBM's raw scores to what its objective makes of them."""

from collections.abc import Sequence

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters.columns import Add
from fsdb.models.program import Argmax, Output, Regression, Threshold
from fsdb.models.steps import Exponential, Linear, Logistic, Softmax

_IDENTITY = frozenset(
    {
        "custom",
        "regression",
        "regression_l1",
        "huber",
        "fair",
        "quantile",
        "mape",
        "lambdarank",
        "rank_xendcg",
    }
)
_EXPONENTIAL = frozenset({"poisson", "gamma", "tweedie"})
_LOGISTIC = frozenset({"binary", "cross_entropy"})
_SEVERAL = frozenset({"multiclass", "multiclassova"})

# The largest x for which 1 / (1 + exp(-x)) is not above 0.5 in float64.
LAST_OF_FIRST_CLASS = 1.6653345369377348e-16


def value(name: str, objective: Sequence[str], scores: Sequence[int], add: Add) -> Output:
    """What `predict` of a regressor, a ranker or a Booster gives; of several classes, a Booster gives the probabilities."""
    kind = objective[0]
    if kind in _SEVERAL:
        return _several(objective, scores, add)
    [score] = scores
    if kind in _IDENTITY and "sqrt" not in objective:
        return Regression(score)
    if kind in _EXPONENTIAL:
        return Regression(add(Exponential(score))[0])
    if kind in _LOGISTIC:
        return Regression(add(Logistic(score, _sigmoid(objective)))[0])
    raise _unknown(name, objective)


def classes(name: str, objective: Sequence[str], scores: Sequence[int], add: Add) -> Output:
    """What `predict` and `predict_proba` of a classifier give."""
    kind = objective[0]
    if kind in _SEVERAL:
        return _several(objective, scores, add)
    if kind not in _LOGISTIC:
        raise _unknown(name, objective)
    [score] = scores
    factor = _sigmoid(objective)
    [probability] = add(Logistic(score, factor))
    [beyond] = add(Linear((score,), ((factor,),), (-LAST_OF_FIRST_CLASS,)))
    return Threshold(beyond, inclusive=False, probability=probability)


def labels(output: Output) -> tuple[int, ...] | None:
    """The classes of what `value` gives."""
    return tuple(range(len(output.scores))) if isinstance(output, Argmax) else None


def _several(objective: Sequence[str], scores: Sequence[int], add: Add) -> Argmax:
    """Shares of a softmax; or of one against the rest a logistic each, which need not sum to 1."""
    if objective[0] == "multiclass":
        shares = tuple(add(Softmax(tuple(scores))))
    else:
        shares = tuple(add(Logistic(score, _sigmoid(objective)))[0] for score in scores)
    return Argmax(shares, shares)


def _sigmoid(objective: Sequence[str]) -> float:
    given = [option.removeprefix("sigmoid:") for option in objective if option.startswith("sigmoid:")]
    return float(given[0]) if given else 1.0


def _unknown(name: str, objective: Sequence[str]) -> UnsupportedModel:
    known = sorted((_IDENTITY - {"custom"}) | _EXPONENTIAL | _LOGISTIC | _SEVERAL)
    return UnsupportedModel(f"{name} has the objective {' '.join(objective)!r}; supported are {', '.join(known)}")
