"""What users declare: frozen, plain data without any input or output. Names are checked here, where they are written."""

from fsdb.definitions.events import EventTable
from fsdb.definitions.feature_sets import (
    MOST_FEATURES,
    NAME,
    RESERVED,
    Feature,
    FeatureSet,
    TrainingView,
    checked_name,
    checked_schema,
    duration_text,
    fixed_duration,
    tags_of,
)
from fsdb.definitions.schedules import BatchSet, Schedule
from fsdb.definitions.windows import Window, WindowSet

__all__ = [
    "MOST_FEATURES",
    "NAME",
    "RESERVED",
    "BatchSet",
    "EventTable",
    "Feature",
    "FeatureSet",
    "Schedule",
    "TrainingView",
    "Window",
    "WindowSet",
    "checked_name",
    "checked_schema",
    "duration_text",
    "fixed_duration",
    "tags_of",
]
