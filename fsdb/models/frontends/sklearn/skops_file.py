"""Estimators in files of skops, which makes objects of named types and runs no code of the file's.

skops trusts what it knows of numpy, scipy and scikit-learn. What else supported estimators consist of is listed here; a list that comes
with the file, as MLflow keeps one, is not believed, since whoever made the file wrote it.
"""

from pathlib import Path
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends import tried

_TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "numpy.dtype",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
    }
)


def load(path: Path) -> Any:
    """The estimator in the file. ImportError: skops is not installed. UnsupportedModel: the file has other types than those above."""
    with tried.copied(path, "skops", tuple(sorted(_TRUSTED))) as copy:
        from skops.io import get_untrusted_types
        from skops.io import load as loaded

        unknown = [name for name in get_untrusted_types(file=copy) if name not in _TRUSTED]
        if unknown:
            raise UnsupportedModel(
                f"the skops file has {', '.join(unknown)}, which is not made from a file: fit the model without it, log it as ONNX, or "
                "where you trust its maker, with serialization_format='cloudpickle'"
            )
        return loaded(copy, trusted=sorted(_TRUSTED))
