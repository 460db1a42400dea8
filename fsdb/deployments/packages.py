"""Which packages a model was made with, and which fsdb this is."""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fsdb.models.frontends.onnx_model import is_onnx

DISTRIBUTION = "fsdb-postgres"
_NAMES = {"sklearn": "scikit-learn"}  # of distributions that are called otherwise than their modules
_BENEATH = {
    "sklearn": ("numpy", "scipy"),
    "xgboost": ("numpy", "scipy"),
    "lightgbm": ("numpy", "scipy"),
    "onnx": ("numpy", "onnxruntime"),
}


def own_version() -> str:
    """The version of this fsdb."""
    return version(DISTRIBUTION)


def is_newer(other: str) -> bool:
    """Whether a version of fsdb comes after this one."""
    return _numbers(other) > _numbers(own_version())


def framework_of(estimator: Any) -> dict[str, str]:
    """The library of an estimator, and its version."""
    library = _library(estimator)
    return {"framework": library, "framework_version": _version(library)}


def packages_of(estimator: Any) -> list[str]:
    """python, fsdb, and the libraries of an estimator and of those within it, with what they compute by: as name==version."""
    libraries = {_library(estimator)}
    if hasattr(estimator, "get_params"):
        libraries |= {_module(value) for value in estimator.get_params(deep=True).values()}
    used = dict.fromkeys(library for library in _BENEATH if library in libraries)
    used |= dict.fromkeys(beneath for library in used for beneath in _BENEATH[library])
    fixed = [f"python=={platform.python_version()}", f"{DISTRIBUTION}=={own_version()}"]
    return fixed + [f"{_NAMES.get(library, library)}=={_version(library)}" for library in used]


def _library(estimator: Any) -> str:
    return "onnx" if is_onnx(estimator) else _module(estimator)


def _module(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _version(library: str) -> str:
    """As the loaded module says, or its distribution."""
    said = getattr(sys.modules.get(library), "__version__", None)
    if said is not None:
        return str(said)
    try:
        return version(_NAMES.get(library, library))
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a release: 0.10 is after 0.9."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0]))
