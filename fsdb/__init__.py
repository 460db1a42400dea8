"""fsdb turns a PostgreSQL database into a feature store and a model server."""

import importlib as _importlib
import logging as _logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsdb.definitions import BatchSet, EventTable, Feature, FeatureSet, Schedule, TrainingView, Window, WindowSet
    from fsdb.definitions.expressions import Expression
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
        RunFailed,
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
    "BatchSet",
    "CatalogMissing",
    "ChangeRefused",
    "ColumnsLeftOut",
    "ConnectionFailed",
    "CopyBroken",
    "EnginePassedOver",
    "EngineUnavailable",
    "Erased",
    "EventTable",
    "Expression",
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
    "RunFailed",
    "Schedule",
    "Store",
    "StrangeCatalog",
    "Table",
    "TrainingView",
    "UnknownName",
    "UnsupportedModel",
    "Window",
    "WindowSet",
    "connect",
]

# Each name is loaded when it is first used: a program that only reads settings, or a command that only prints help, waits for nothing.
_PLACES = {
    "fsdb.definitions": (
        "BatchSet",
        "EventTable",
        "Feature",
        "FeatureSet",
        "Schedule",
        "TrainingView",
        "Window",
        "WindowSet",
    ),
    "fsdb.definitions.expressions": ("Expression",),
    "fsdb.errors": (
        "CatalogMissing",
        "ChangeRefused",
        "ColumnsLeftOut",
        "ConnectionFailed",
        "CopyBroken",
        "EnginePassedOver",
        "EngineUnavailable",
        "Erased",
        "FsdbError",
        "InvalidArgument",
        "InvalidData",
        "InvalidDefinition",
        "LateValues",
        "NeedsWorker",
        "NothingMatched",
        "NotReproducible",
        "ParityFailed",
        "PartlyErased",
        "RetentionRefused",
        "RightMissing",
        "RunFailed",
        "StrangeCatalog",
        "UnknownName",
        "UnsupportedModel",
    ),
    "fsdb.models.frontends.onnx_model": ("OnnxModel",),
    "fsdb.store": (
        "Store",
        "connect",
    ),
    "fsdb.table": ("Table",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


if not TYPE_CHECKING:  # to who checks types, what is not imported above is not there

    def __getattr__(name: str) -> object:
        if name in _PLACE_OF:
            value = getattr(_importlib.import_module(_PLACE_OF[name]), name)
            globals()[name] = value
            return value
        if not name.startswith("_"):
            try:
                return _importlib.import_module(f"{__name__}.{name}")  # a part, such as fsdb.training
            except ModuleNotFoundError as error:
                if error.name != f"{__name__}.{name}":
                    raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
