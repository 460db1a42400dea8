"""K-means."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Argmax


def k_means(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The number of the nearest center: the largest of 2 x c - c c, which leaves out the x x common to all, as natively."""
    columns = translation.bounded(estimator, slots, missing=False)
    centers = np.asarray(estimator.cluster_centers_, dtype=np.float64)
    scores = translation.linear([slot.index for slot in columns], 2 * centers, -(centers**2).sum(axis=1))
    return Prediction(Argmax(tuple(scores), None), classes=tuple(range(len(centers))))
