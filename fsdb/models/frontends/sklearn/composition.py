"""Pipeline, ColumnTransformer and FeatureUnion."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fsdb.models.frontends.sklearn.translation import Slot, Translation
from fsdb.models.steps import Multiply


def column_transformer(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The outputs of the parts side by side; columns are those that the fit resolved them to."""
    outputs: list[Slot] = []
    weights = estimator.transformer_weights or {}
    for name, part, _ in estimator.transformers_:
        positions = estimator._transformer_to_input_indices[name]
        if (isinstance(part, str) and part == "drop") or len(positions) == 0:
            continue
        made = translation.transform(part, [slots[position] for position in positions], translation)
        outputs += _weighted(estimator, made, weights.get(name), translation)
    return [replace(slot, sparse=estimator.sparse_output_) for slot in outputs]


def feature_union(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The outputs of the parts side by side, a sparse matrix where one of them is."""
    outputs: list[Slot] = []
    weights = estimator.transformer_weights or {}
    for name, part in estimator.transformer_list:
        if not (isinstance(part, str) and part == "drop"):
            made = translation.transform(part, slots, translation)
            outputs += _weighted(estimator, made, weights.get(name), translation)
    sparse = any(slot.sparse for slot in outputs)
    return [replace(slot, sparse=sparse) for slot in outputs]


def _weighted(estimator: Any, slots: Sequence[Slot], weight: float | None, translation: Translation) -> Sequence[Slot]:
    if weight is None:
        return slots
    numbers = translation.numbers(estimator, slots)
    indices = translation.add(Multiply(tuple(slot.index for slot in numbers), (float(weight),) * len(numbers)))
    return [
        Slot(index, "number", slot.source, missing=slot.missing, sparse=slot.sparse)
        for index, slot in zip(indices, numbers, strict=True)
    ]


def steps_of(pipeline: Any) -> list[Any]:
    """The steps of a Pipeline without those that pass everything through."""
    return [
        step for _, step in pipeline.steps if step is not None and not (isinstance(step, str) and step == "passthrough")
    ]
