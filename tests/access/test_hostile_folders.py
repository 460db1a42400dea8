"""MLflow folders of a hostile maker: nothing of them runs without an explicit word, and nothing outside of them is read."""

import pickle
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pytest
import skl2onnx
import skops.io
import xgboost
from sklearn.linear_model import LinearRegression

from fsdb.deployments import logged
from fsdb.errors import FsdbError, UnsupportedModel
from fsdb.models.frontends import tried

pytest.importorskip("mlflow")
pytestmark = [pytest.mark.filterwarnings("ignore")]
X, Y = np.array([[1.0], [2], [3], [4]] * 5), np.array([0, 1, 0, 1] * 5)
DESCRIPTION = """artifact_path: model
flavors:
  {flavor}:
    {conf}
  python_function:
    loader_module: {loader}
    code: code
    data: model
mlflow_version: 3.0
model_uuid: 0
utc_time_created: '2024-01-01'
"""


class Evil:
    """What makes a file when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.mark),))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each library, code beside them, and a file that is another's."""
    folder = tmp_path_factory.mktemp("folders") / "model"
    (folder / "code").mkdir(parents=True)
    for name in ("evil", "xgboost_evil"):
        (folder / "code" / f"{name}.py").write_text(f"open({str(folder.parent / 'mark')!r}, 'w')\nclass Evil: pass\n")
    xgboost.XGBClassifier(n_estimators=2).fit(X, Y).save_model(folder / "model.ubj")
    lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, Y).booster_.save_model(str(folder / "model.lgb"))
    onnx.save(skl2onnx.to_onnx(LinearRegression().fit(X, Y), X), str(folder / "model.onnx"))
    (folder / "model.pkl").write_bytes(pickle.dumps(Evil(str(folder.parent / "mark"))))
    (folder.parent / "other.ubj").write_bytes((folder / "model.ubj").read_bytes())
    (folder / "link.ubj").symlink_to(folder.parent / "other.ubj")
    return folder


def described(folder: Path, flavor: str, loader: str = "mlflow.sklearn", **conf: str) -> Path:
    lines = "\n    ".join(f"{name}: {value}" for name, value in conf.items())
    (folder / "MLmodel").write_text(DESCRIPTION.format(flavor=flavor, conf=lines, loader=loader))
    return folder


def nothing_ran(folder: Path) -> None:
    assert not (folder.parent / "mark").exists()
    assert not [place for place in sys.path if str(folder) in place]
    assert not {"evil", "xgboost_evil"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("flavor", "conf"),
    [
        ("xgboost", {"data": "model.ubj", "model_class": "evil.Evil"}),
        ("xgboost", {"data": "model.ubj", "model_class": "subprocess.Popen"}),
        ("xgboost", {"data": "model.ubj", "model_class": "[a, b]"}),
        ("lightgbm", {"data": "model.pkl", "model_class": "evil.Evil"}),
        ("lightgbm", {"data": "model.pkl", "model_class": "lightgbm.sklearn.LGBMClassifier"}),
        ("sklearn", {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}),
        ("sklearn", {"pickled_model": "model.pkl", "serialization_format": "pickle"}),
        ("sklearn", {"pickled_model": "model.pkl"}),
        ("sklearn", {"pickled_model": "model.pkl", "serialization_format": "[skops]"}),
    ],
)
def test_code_is_not_run_without_a_word(files: Path, flavor: str, conf: dict[str, str]) -> None:
    folder = described(files, flavor, loader="evil", code="code", **conf)
    with pytest.raises(UnsupportedModel, match=r"running code that came with it .*trust_code=True"):
        logged.load(folder)
    nothing_ran(folder)


@pytest.mark.parametrize(
    ("flavor", "conf", "kind"),
    [
        ("xgboost", {"data": "model.ubj", "model_class": "xgboost.sklearn.XGBClassifier"}, xgboost.XGBClassifier),
        ("xgboost", {"data": "model.ubj", "model_class": "xgboost.core.Booster"}, xgboost.Booster),
        ("xgboost", {"data": "model.ubj"}, xgboost.Booster),
        ("lightgbm", {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}, lightgbm.Booster),
        ("lightgbm", {"data": "model.lgb"}, lightgbm.Booster),
        ("onnx", {"data": "model.onnx"}, bytes),
    ],
)
def test_files_without_code_are_read_whatever_code_is_beside_them(
    files: Path, flavor: str, conf: dict[str, str], kind: type
) -> None:
    folder = described(files, flavor, loader="evil", code="code", **conf)
    assert isinstance(logged.load(folder).estimator, kind)
    nothing_ran(folder)


def test_files_of_others(files: Path) -> None:
    other = files.parent / "other.ubj"
    for place in ("../other.ubj", str(other), "link.ubj", "code", "", "~", "null"):
        folder = described(files, "xgboost", data=repr(place), model_class="xgboost.core.Booster")
        with pytest.raises(UnsupportedModel, match=r"has no file .* in its folder"):
            logged.load(folder)


def test_a_file_that_ends_the_process_that_reads_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that tried it is another one."""
    deadly = "import os\nos.kill(os.getpid(), 11)\n"
    monkeypatch.setattr(tried, "_SCRIPT", deadly)
    for flavor, data in (("xgboost", "model.ubj"), ("lightgbm", "model.lgb")):
        tried._said.cache_clear()
        with pytest.raises(
            UnsupportedModel, match=f"the file {data} cannot be loaded by {flavor}: reading it ends the process"
        ):
            logged.load(described(files, flavor, data=data))


@pytest.mark.parametrize(
    ("flavor", "conf"),
    [
        ("xgboost", {"data": "swapped"}),
        ("lightgbm", {"data": "swapped"}),
        ("sklearn", {"pickled_model": "swapped", "serialization_format": "skops"}),
    ],
)
def test_a_file_that_is_exchanged_after_its_trial(
    files: Path, monkeypatch: pytest.MonkeyPatch, flavor: str, conf: dict[str, str]
) -> None:
    """What was tried is what is loaded, though whoever may write the folder writes another file between the two."""
    file, evil = files / "swapped", (files / "model.pkl").read_bytes()
    good = {
        "xgboost": (files / "model.ubj").read_bytes,
        "lightgbm": (files / "model.lgb").read_bytes,
        "sklearn": lambda: skops.io.dumps(LinearRegression().fit(X, Y)),
    }[flavor]()
    file.write_bytes(good)
    said, trials = tried._said, []

    def tried_then_exchanged(copy: Any, *given: Any) -> str | None:
        result = said(copy, *given)
        trials.append((copy.file, copy.file.read_bytes(), copy.file.parent.stat().st_mode & 0o077))
        file.unlink()
        file.write_bytes(evil)
        return result

    monkeypatch.setattr(tried, "_said", tried_then_exchanged)
    assert logged.load(described(files, flavor, **conf)).estimator is not None
    assert [(content, others) for _, content, others in trials] == [(good, 0)]
    assert not trials[0][0].exists()
    nothing_ran(files)


@pytest.mark.parametrize("flavor", ["xgboost", "lightgbm"])
def test_a_damaged_file_is_an_error(files: Path, flavor: str) -> None:
    """Numbers that say how much follows are made large; what the library makes of them happens elsewhere."""
    name = {"xgboost": "model.ubj", "lightgbm": "model.lgb"}[flavor]
    whole = (files / name).read_bytes()
    (files / "damaged").write_bytes(
        whole.replace(b"num_leaves=", b"num_leaves=99999999") if flavor == "lightgbm" else whole[: len(whole) // 2]
    )
    with pytest.raises(UnsupportedModel, match="the file damaged cannot be loaded by"):
        logged.load(described(files, flavor, data="damaged"))


def test_the_folder_in_which_the_process_works_is_no_library(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xgboost.py").write_text(f"open({str(files.parent / 'mark')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    tried._said.cache_clear()
    assert isinstance(logged.load(described(files, "xgboost", data="model.ubj")).estimator, xgboost.Booster)
    nothing_ran(files)


def test_a_file_of_skops_that_is_a_pickle(files: Path) -> None:
    folder = described(files, "sklearn", pickled_model="model.pkl", serialization_format="skops")
    with pytest.raises(UnsupportedModel, match="cannot be loaded"):
        logged.load(folder)
    nothing_ran(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "flavors: 1",
        "flavors: {xgboost: 1}",
        "flavors: {xgboost: []}",
        "a: [",
        "flavors: !!python/object/apply:os.getcwd []",
    ],
)
def test_descriptions_that_are_none(files: Path, text: str) -> None:
    (files / "MLmodel").write_text(text)
    with pytest.raises(FsdbError):
        logged.load(files)
    nothing_ran(files)


def test_with_a_word_it_runs(files: Path) -> None:
    """Last: what mark it leaves, the others must not find."""
    folder = described(files, "sklearn", pickled_model="model.pkl", serialization_format="pickle")
    logged.load(folder, trust_code=True)
    assert (folder.parent / "mark").exists()
