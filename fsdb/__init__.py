"""fsdb turns a PostgreSQL database into a feature store and a model server."""

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
    UnknownName,
    UnsupportedModel,
)
from fsdb.models.frontends.onnx_model import OnnxModel
from fsdb.store import Store, connect
from fsdb.table import Table

__version__ = "0.1.0"

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
    "Table",
    "TrainingView",
    "UnknownName",
    "UnsupportedModel",
    "connect",
]
