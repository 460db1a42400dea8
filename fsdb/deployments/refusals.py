"""Why a row has no prediction, as it may stand in the model table: who reads that need not be one who may read features."""

from collections.abc import Iterable

from fsdb.catalog.deployments import Release

_CATEGORY = '" of the model has the category "'


def told(reason: str, releases: Iterable[Release]) -> str:
    """A reason without values of features that were looked up, as fsdb.refusal_told in the database.

    A sentence of fsdb's holds a value in one case, a category that the model was not fitted with; what is no sentence of fsdb's may hold
    any.
    """
    chosen = list(releases)
    if not any(release.sets for release in chosen):
        return reason
    if not reason.startswith("fsdb: "):
        return "fsdb: a feature that was looked up for this row has a value that the model does not take"
    given = [one.name for release in chosen for one in release.inputs if one.feature_id is None]
    looked_up = {one.name for release in chosen for one in release.inputs if one.feature_id is not None}
    if _CATEGORY not in reason or any(
        reason.startswith(f'fsdb: input "{name}{_CATEGORY}') for name in given if name not in looked_up
    ):
        return reason
    return (
        reason.partition(_CATEGORY)[0]
        + '" of the model, a feature, has a category that the model was not fitted with; correct it in its feature set, or fit with handle_unknown'
    )
