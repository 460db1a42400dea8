"""Models that MLflow keeps: loaded by fsdb from files that hold no code, with what their run measured.

MLflow itself would put the folder's code on the path, make the class that `MLmodel` names and load a pickle: all of that runs what the
model's maker wrote. Here it is done only where whoever registers the model says so, by `trust_code=True`. What `MLmodel` says is read as data.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fsdb.errors import FsdbError, UnknownName, UnsupportedModel
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


def load(reference: str | Path, trust_code: bool = False) -> Logged:
    """The model behind a URI (runs:/<run>/<name>, models:/<name>/<version>) or in a folder.

    trust_code: also one that only MLflow can load, by running code of its maker's. Raises UnknownName where MLflow has none, UnsupportedModel
    for a flavour that fsdb does not read, a library that is not installed, and a model with code that is not trusted.
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
        estimator = _loaded(uri, flavor, info.flavors[flavor], trust_code)
        run = info.run_id
        metrics = dict(mlflow.MlflowClient().get_run(run).data.metrics) if run and uri.startswith(SCHEMES) else {}
    except (MlflowException, OSError) as error:
        raise UnknownName(
            f"MLflow gives no model {uri}: {_first_line(error)}. Correct it, or say in MLFLOW_TRACKING_URI where it is kept."
        ) from error
    except FsdbError:
        raise
    except Exception as error:  # whatever MLflow raises for a description that is none
        raise UnsupportedModel(
            f"{uri} has a {_DESCRIPTION} that MLflow cannot read ({type(error).__name__}: {_first_line(error)}): log the model again"
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


def _loaded(uri: str, flavor: str, kept: Any, trust_code: bool) -> Any:
    if not isinstance(kept, Mapping):
        raise UnsupportedModel(
            f"{uri} has a {_DESCRIPTION} that does not describe its flavor {flavor}: log the model again"
        )
    try:
        reader = _reader(flavor, kept)
        if reader is not None:
            return reader(_file(uri, kept))
        if not trust_code:
            raise UnsupportedModel(
                f"{uri} can only be loaded by running code that came with it ({_code(flavor, kept)}): log it as ONNX or, for scikit-learn, with "
                "serialization_format='skops'; or, where you would run whatever its maker wrote, register it with trust_code=True (--trust-code)"
            )
        return importlib.import_module(f"mlflow.{flavor}").load_model(uri)
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


def _reader(flavor: str, kept: Mapping[str, Any]) -> Callable[[Path], Any] | None:
    """What reads the model's file without running anything of it; None where there is no such way."""
    if flavor == "onnx":
        return Path.read_bytes
    if flavor == "xgboost":
        from fsdb.models.frontends.xgboost import model_file as xgboost_file

        named = str(kept.get("model_class", "xgboost.core.Booster"))
        return partial(xgboost_file.load, kind=named) if named in xgboost_file.CLASSES else None
    if flavor == "lightgbm" and kept.get("model_class", "lightgbm.basic.Booster") == "lightgbm.basic.Booster":
        from fsdb.models.frontends.lightgbm import model_file as lightgbm_file

        return lightgbm_file.load
    if kept.get("serialization_format") == "skops":
        from fsdb.models.frontends.sklearn import skops_file

        return skops_file.load
    return None


def _code(flavor: str, kept: Mapping[str, Any]) -> str:
    """What of it is code, for people."""
    if flavor == "xgboost":
        return f"the class {str(kept.get('model_class'))[:200]}"
    return f"a pickle, {str(kept.get('serialization_format', 'cloudpickle'))[:200]}"


def _file(uri: str, kept: Mapping[str, Any]) -> Path:
    """The model's file in its folder, which is brought to this machine where it is elsewhere."""
    from mlflow.artifacts import download_artifacts

    name = kept["pickled_model"] if "pickled_model" in kept else kept.get("data")
    folder = Path(download_artifacts(artifact_uri=uri)).resolve()
    file = folder / str(name)
    if not file.resolve().is_relative_to(folder) or not file.is_file():
        raise UnsupportedModel(f"{uri} has no file {str(name)[:200]!r} in its folder: log the model again")
    return file


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).rstrip(".")
