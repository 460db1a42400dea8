"""Training sets and training views: built point-in-time correct, saved, built again, verified."""

from fsdb.training.build import build
from fsdb.training.saved import SavedTrainingSet, delete, load, rebuild, save, verify
from fsdb.training.training_set import TrainingSet

__all__ = ["SavedTrainingSet", "TrainingSet", "build", "delete", "load", "rebuild", "save", "verify"]
