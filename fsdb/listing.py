"""Names in a sentence: all of a few, the first of many."""

from collections.abc import Collection
from itertools import islice

_SHOWN = 12


def listed(names: Collection[str], most: int = _SHOWN) -> str:
    """The names with commas between them; of more than `most` the first, and how many more there are."""
    shown = ", ".join(islice(names, most))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
