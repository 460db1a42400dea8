"""fsdb turns a PostgreSQL database into a feature store and a model server."""

import logging as _logging

from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import (
    CatalogMissing,
    ChangeRefused,
    ColumnsLeftOut,
    ConnectionFailed,
    CopyBroken,
    EnginePassedOver,
    EngineUnavailable,
    Erased,
    FsdbError,
    InvalidArgument,
    InvalidData,
    InvalidDefinition,
    LateValues,
    NeedsWorker,
    NothingMatched,
    NotReproducible,
    ParityFailed,
    PartlyErased,
    RetentionRefused,
    RightMissing,
    StrangeCatalog,
    UnknownName,
    UnsupportedModel,
)
from fsdb.models.frontends.onnx_model import OnnxModel
from fsdb.store import Store, connect
from fsdb.table import Table

__version__ = "0.1.0"
# Silent unless a program wants to hear: logging.basicConfig(level=logging.INFO), or a handler on "fsdb" or one of its parts.
_logging.getLogger(__name__).addHandler(_logging.NullHandler())

__all__ = [
    "CatalogMissing",
    "ChangeRefused",
    "ColumnsLeftOut",
    "ConnectionFailed",
    "CopyBroken",
    "EnginePassedOver",
    "EngineUnavailable",
    "Erased",
    "Feature",
    "FeatureSet",
    "FsdbError",
    "InvalidArgument",
    "InvalidData",
    "InvalidDefinition",
    "LateValues",
    "NeedsWorker",
    "NotReproducible",
    "NothingMatched",
    "OnnxModel",
    "ParityFailed",
    "PartlyErased",
    "RetentionRefused",
    "RightMissing",
    "Store",
    "StrangeCatalog",
    "Table",
    "TrainingView",
    "UnknownName",
    "UnsupportedModel",
    "connect",
]
