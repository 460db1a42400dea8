"""Under which names features come out: the short one, or set__feature where two chosen features share it."""

from collections import Counter
from collections.abc import Sequence

from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.errors import InvalidDefinition


def output_names(chosen: Sequence[tuple[RegisteredSet, RegisteredFeature]]) -> list[str]:
    """An output name for each chosen feature, in order. Raises InvalidDefinition where two would be the same."""
    twice = [reference for reference, times in Counter(f.reference for _, f in chosen).items() if times > 1]
    if twice:
        raise InvalidDefinition(f"{twice[0]} is chosen twice: name each feature once.")
    shared = {name for name, times in Counter(feature.name for _, feature in chosen).items() if times > 1}
    names = [
        f"{owner.name.replace('.', '__')}__{feature.name}" if feature.name in shared else feature.name
        for owner, feature in chosen
    ]
    clashing = [name for name, times in Counter(names).items() if times > 1]
    if clashing:
        both = [f.reference for (_, f), name in zip(chosen, names, strict=True) if name == clashing[0]]
        raise InvalidDefinition(f"{' and '.join(both)} would both be called {clashing[0]!r}: choose one of them.")
    return names
