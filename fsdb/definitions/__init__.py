"""What users declare: frozen, plain data without any input or output. Names are checked here, where they are written."""

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

__all__ = [
    "MOST_FEATURES",
    "NAME",
    "RESERVED",
    "BatchSet",
    "Feature",
    "FeatureSet",
    "Schedule",
    "TrainingView",
    "checked_name",
    "checked_schema",
    "duration_text",
    "fixed_duration",
    "tags_of",
]
