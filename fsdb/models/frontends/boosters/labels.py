"""Class labels."""

from collections.abc import Iterable
from typing import Any

from fsdb.errors import UnsupportedModel

_TYPES = (bool, int, str, float)


def plain(model: str, labels: Iterable[Any]) -> Any:
    """The labels as plain values of one type. UnsupportedModel where they are not, or fewer than two."""
    found = tuple(label.item() if hasattr(label, "item") else label for label in labels)
    if len(found) < 2:
        raise UnsupportedModel(f"{model} knows the one class {found[0]!r}: fit it with rows of two classes or more")
    for kind in _TYPES:
        if all(type(label) is kind for label in found):
            if kind is int and not all(-(2**63) <= label < 2**63 for label in found):
                break
            return found
    raise UnsupportedModel(
        f"{model} has the classes {found!r}: use labels that are all boolean, all bigint, all text or all float64"
    )
