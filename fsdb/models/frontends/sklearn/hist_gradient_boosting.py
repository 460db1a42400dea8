"""HistGradientBoostingClassifier and -Regressor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.encoders import ordinal_encoder
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Exponential, Logistic, Softmax, Tree, TreeEnsemble

_IDENTITY_LINK = ("squared_error", "absolute_error", "quantile")
_LOG_LINK = ("poisson", "gamma")


def hist_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Sum of leaves, through exp where the loss has the log link."""
    [raw] = _ensemble(estimator, slots, translation)
    if estimator.loss in _LOG_LINK:
        [raw] = translation.add(Exponential(raw))
    elif estimator.loss not in _IDENTITY_LINK:
        translation.refuse(estimator, f"has the loss {estimator.loss!r}")
    return Prediction(Regression(raw))


def hist_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Binary: raw > 0 and its logistic; several classes: argmax and softmax."""
    raw = _ensemble(estimator, slots, translation)
    if len(raw) == 1:
        [probability] = translation.add(Logistic(raw[0], 1.0))
        return Prediction(Threshold(raw[0], inclusive=False, probability=probability), tuple(raw))
    return Prediction(Argmax(tuple(raw), tuple(translation.add(Softmax(tuple(raw))))), tuple(raw))


def _ensemble(estimator: Any, slots: Sequence[Slot], translation: Translation) -> range:
    predictors = [predictor for iteration in estimator._predictors for predictor in iteration]
    translation.check_size(estimator, sum(len(predictor.nodes) for predictor in predictors))
    columns = list(slots)
    if estimator._preprocessor is not None:
        columns = _preprocessed(estimator, columns, translation)
    columns = translation.numbers(estimator, columns)
    trees = tuple(
        _tree(predictor, output) for iteration in estimator._predictors for output, predictor in enumerate(iteration)
    )
    return translation.add(
        TreeEnsemble(
            tuple(slot.index for slot in columns),
            trees,
            floats(np.asarray(estimator._baseline_prediction).ravel()),
            divisor=1.0,
            float32=False,
            strict=False,
        )
    )


def _preprocessed(estimator: Any, slots: list[Slot], translation: Translation) -> list[Slot]:
    """The columns as the estimator's own preprocessor orders them: encoded categories first, then the numbers as given."""
    encoded: list[Slot] = []
    others: list[Slot] = []
    for name, part, _ in estimator._preprocessor.transformers_:
        chosen = [slots[position] for position in estimator._preprocessor._transformer_to_input_indices[name]]
        if name == "encoder" and chosen:
            encoded = ordinal_encoder(part, chosen, translation)
        elif name == "numerical":
            others = chosen
    return [*encoded, *others]


def _tree(predictor: Any, output: int) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    categorical = nodes["is_categorical"].astype(bool) & ~leaf
    codes: tuple[tuple[int, ...], ...] = ()
    if categorical.any():
        codes = tuple(
            _codes(predictor.raw_left_cat_bitsets[index]) if split else ()
            for index, split in zip(nodes["bitset_idx"], categorical, strict=True)
        )
    return Tree(
        feature=tuple(np.where(leaf, -1, nodes["feature_idx"]).tolist()),
        threshold=tuple(np.where(leaf, 0.0, np.where(categorical, -1.0, nodes["num_threshold"])).tolist()),
        left=tuple(np.where(leaf, 0, nodes["left"]).tolist()),
        right=tuple(np.where(leaf, 0, nodes["right"]).tolist()),
        missing_left=tuple((nodes["missing_go_to_left"].astype(bool) & ~leaf).tolist()),
        values=tuple((value,) for value in np.where(leaf, nodes["value"], 0.0).tolist()),
        output=output,
        left_codes=codes,
    )


def _codes(bitset: Any) -> tuple[int, ...]:
    """The members of a set of up to 256 codes, kept as eight words of 32 bits."""
    return tuple(code for code in range(256) if (int(bitset[code // 32]) >> (code % 32)) & 1)
