"""What an error about an unknown name adds: the names that it may have been meant to be."""

from collections.abc import Sequence
from difflib import get_close_matches

_LISTED = 10


def nearest(name: str, known: Sequence[str]) -> str:
    """A sentence, with a blank before it, that names the nearest of the known names, or else the first of them."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    if known:
        return f" Known: {', '.join(known[:_LISTED])}{', …' if len(known) > _LISTED else ''}."
    return " None is registered yet."
