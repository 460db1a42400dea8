"""Models that MLflow keeps: loaded by their own library, with what their run measured.

A model of scikit-learn's flavour may be a pickle, which runs code of its maker's when it is loaded. It is loaded here, in the process of
whoever registers it, as `mlflow.sklearn.load_model` would; nothing of it reaches the database but the program. A file of skops is not loaded
by MLflow, which would make whatever types the model itself says may be made.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsdb.errors import UnknownName, UnsupportedModel
from fsdb.models.frontends.onnx_model import is_file

SCHEMES = ("runs:/", "models:/")
FLAVORS = {
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
}  # with the extra that brings each
_DESCRIPTION = "MLmodel"  # the file by which a folder is known as a model of MLflow


@dataclass(frozen=True)
class Logged:
    """A model that was loaded. names: its inputs as the signature has them, in order; none where it has no names."""

    estimator: Any
    source: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def is_logged(estimator: Any) -> bool:
    """Whether this names a model of MLflow's: a URI, or a folder that holds one."""
    if isinstance(estimator, str) and estimator.startswith(SCHEMES):
        return True
    return isinstance(estimator, str | Path) and is_file(Path(estimator, _DESCRIPTION))


def load(reference: str | Path) -> Logged:
    """The model behind a URI (runs:/<run>/<name>, models:/<name>/<version>) or in a folder.

    Raises UnknownName where MLflow has none, UnsupportedModel for a flavour that fsdb does not read or a library that is not installed.
    """
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
        from mlflow.models import get_model_info
    except ImportError as error:
        raise UnsupportedModel(
            f"{str(reference)!r} is a model of MLflow, which is not installed: pip install 'fsdb-postgres[mlflow]'"
        ) from error
    uri = str(reference) if str(reference).startswith(SCHEMES) else str(Path(reference).absolute())
    try:
        info = get_model_info(uri)
        flavor = _flavor(uri, list(info.flavors))
        estimator = _loaded(uri, flavor, info.flavors[flavor])
        run = info.run_id
        metrics = dict(mlflow.MlflowClient().get_run(run).data.metrics) if run and uri.startswith(SCHEMES) else {}
    except (MlflowException, OSError) as error:
        raise UnknownName(
            f"MLflow gives no model {uri}: {_first_line(error)}. Correct it, or say in MLFLOW_TRACKING_URI where it is kept."
        ) from error
    names = (
        tuple(info.signature.inputs.input_names()) if info.signature and info.signature.inputs.has_input_names() else ()
    )
    source = uri if not run or run in uri else f"{uri} (run {run})"
    return Logged(estimator, source, metrics, names)


def _flavor(uri: str, flavors: list[str]) -> str:
    for flavor in FLAVORS:
        if flavor in flavors:
            return flavor
    known = [flavor for flavor in flavors if flavor != "python_function"] or flavors
    raise UnsupportedModel(
        f"{uri} is a model of MLflow's flavor {', '.join(known)}: fsdb reads {', '.join(FLAVORS)}; log it as ONNX, with mlflow.onnx.log_model"
    )


def _loaded(uri: str, flavor: str, kept: Mapping[str, Any]) -> Any:
    try:
        if _is_skops(flavor, kept):
            return _of_skops(uri, kept)
        module = importlib.import_module(f"mlflow.{flavor}")
        return module.load_model(uri)
    except ImportError as error:
        lacking = (error.name or flavor).partition(".")[0]
        with_extra = f"'fsdb-postgres[{FLAVORS[flavor]}]'" if lacking == flavor else lacking
        raise UnsupportedModel(
            f"{uri} needs the package {lacking}, which is not installed: pip install {with_extra}"
        ) from error
    except (OSError, UnsupportedModel):
        raise
    except Exception as error:  # whatever the library's own reader raises
        if type(error).__module__.startswith("mlflow."):
            raise
        raise UnsupportedModel(
            f"{uri} cannot be loaded by mlflow.{flavor} ({_first_line(error)}): log it again with the versions that are installed"
        ) from error


def _is_skops(flavor: str, kept: Mapping[str, Any]) -> bool:
    """Whether a file of skops is kept; of a Booster LightGBM's own file is."""
    is_booster = flavor == "lightgbm" and kept.get("model_class") == "lightgbm.basic.Booster"
    return kept.get("serialization_format") == "skops" and not is_booster


def _of_skops(uri: str, kept: Mapping[str, Any]) -> Any:
    from mlflow.artifacts import download_artifacts

    from fsdb.models.frontends.sklearn import skops_file

    name = kept["pickled_model"] if "pickled_model" in kept else kept["data"]
    return skops_file.load(Path(download_artifacts(artifact_uri=uri), name))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).rstrip(".")
