"""From XGBoost's margins to what its objective makes of them."""

from collections.abc import Sequence

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters.columns import Add
from fsdb.models.program import Argmax, OneTarget, Regression, Threshold
from fsdb.models.steps import Exponential, Linear, Logistic, Single, Softmax, SoftmaxSingle

_IDENTITY = frozenset(
    {
        "reg:squarederror",
        "reg:linear",
        "reg:squaredlogerror",
        "reg:pseudohubererror",
        "reg:absoluteerror",
        "reg:quantileerror",
        "binary:logitraw",
        "rank:ndcg",
        "rank:map",
        "rank:pairwise",
    }
)
_LOGISTIC = frozenset({"reg:logistic", "binary:logistic"})
_EXPONENTIAL = frozenset({"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"})
_SEVERAL = frozenset({"multi:softprob", "multi:softmax"})

# The largest margin whose float32 logistic is not above 0.5: of this and of smaller ones above 0 it rounds to 0.5.
LAST_OF_FIRST_CLASS = 8.940696716308594e-08


def value(name: str, objective: str, margins: Sequence[int], add: Add) -> OneTarget:
    """What `predict` of a regressor, a ranker or a Booster gives; of several classes, a Booster gives the probabilities."""
    if objective in _SEVERAL:
        return _several(objective, margins, add)
    [margin] = margins
    if objective in _IDENTITY:
        return Regression(margin)
    if objective in _LOGISTIC:
        return Regression(add(Logistic(margin, 1.0))[0])
    if objective in _EXPONENTIAL:
        [raw] = add(Exponential(margin))
        return Regression(add(Single((raw,)))[0])
    if objective == "binary:hinge":
        return Threshold(margin, inclusive=False, probability=None)
    raise _unknown(name, objective)


def classes(name: str, objective: str, margins: Sequence[int], add: Add) -> OneTarget:
    """What `predict` and `predict_proba` of a classifier give: of two classes the second where the value is above 0.5."""
    if objective in _SEVERAL:
        if len(margins) == 2 and objective == "multi:softprob":
            raise UnsupportedModel(
                f"{name} has the objective 'multi:softprob' for two classes, for which its predict gives no class: "
                "fit it with 'binary:logistic'"
            )
        output = _several(objective, margins, add)
        if objective == "multi:softmax":
            return Argmax(tuple(margins), tuple(add(Softmax(tuple(margins)))))
        return output
    [margin] = margins
    if objective in _LOGISTIC:
        [probability] = add(Logistic(margin, 1.0))
        return Threshold(_above(margin, LAST_OF_FIRST_CLASS, add), inclusive=False, probability=probability)
    if objective == "binary:hinge":
        return Threshold(margin, inclusive=False, probability=None)
    if objective in _IDENTITY:
        return Threshold(_above(margin, 0.5, add), inclusive=False, probability=None)
    raise _unknown(name, objective)


def labels(output: OneTarget) -> tuple[float, ...] | tuple[int, ...] | None:
    """The classes of what `value` gives: hinge gives the numbers 0 and 1."""
    match output:
        case Regression():
            return None
        case Threshold():
            return (0.0, 1.0)
        case Argmax(scores=scores):
            return tuple(range(len(scores)))


def _several(objective: str, margins: Sequence[int], add: Add) -> Argmax:
    if objective == "multi:softmax":
        return Argmax(tuple(margins), None)
    shares = tuple(add(SoftmaxSingle(tuple(margins))))
    return Argmax(shares, shares)


def _above(margin: int, limit: float, add: Add) -> int:
    return add(Linear((margin,), ((1.0,),), (-limit,)))[0]


def _unknown(name: str, objective: str) -> UnsupportedModel:
    known = sorted(_IDENTITY | _LOGISTIC | _EXPONENTIAL | _SEVERAL | {"binary:hinge"})
    return UnsupportedModel(f"{name} has the objective {objective!r}; supported are {', '.join(known)}")
