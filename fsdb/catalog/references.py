"""Features as users choose them: "set.feature" is one, "set.*" and the set's name alone are all of a set's."""

from collections.abc import Collection, Mapping

WHOLE = ".*"


def owners(reference: str) -> set[str]:
    """The names of the sets that a reference may mean."""
    return {reference, *(reference[:at] for at, sign in enumerate(reference) if sign == ".")}


def chosen(reference: str, sets: Mapping[str, Collection[str]]) -> tuple[str, list[str]] | None:
    """The set and the names of its features that a reference means; None where there is no such set. sets: their features, in order.

    Sets and features may hold dots themselves: the longest set that has the feature is meant; one that lacks it is given with
    the name all the same. A name that is a feature's and a set's is the feature's.
    """
    whole = reference.removesuffix(WHOLE)
    if whole != reference and whole in sets:
        return whole, list(sets[whole])
    fitting = [name for name in sets if reference.startswith(f"{name}.")]
    having = [name for name in fitting if reference[len(name) + 1 :] in sets[name]]
    if not having and reference in sets:
        return reference, list(sets[reference])
    if not fitting:
        return None
    owner = max(having or fitting, key=len)
    return owner, [reference[len(owner) + 1 :]]
