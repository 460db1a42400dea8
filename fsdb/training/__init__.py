"""Training sets and training views: built point-in-time correct, saved, built again, verified."""

from fsdb.training.build import build
from fsdb.training.saved import SavedTrainingSet, delete, load, rebuild, save, verify
from fsdb.training.training_set import TrainingSet
from fsdb.training.views import (
    drop_view,
    get_view,
    list_views,
    register_view,
    view_relation,
    view_status,
    views_of_sets,
    views_suspended,
    views_using,
)

__all__ = [
    "SavedTrainingSet",
    "TrainingSet",
    "build",
    "delete",
    "drop_view",
    "get_view",
    "list_views",
    "load",
    "rebuild",
    "register_view",
    "save",
    "verify",
    "view_relation",
    "view_status",
    "views_of_sets",
    "views_suspended",
    "views_using",
]
