"""Data frames without their library: one sentence that says which extra."""

import sys

import pyarrow as pa
import pytest

from fsdb.errors import FsdbError
from fsdb.training import frames_out

ROWS = pa.table({"a": [1]})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_library_is_one_sentence(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        FsdbError, match=rf"needs {library}, which is not installed: pip install 'fsdb-postgres\[{library}\]'"
    ):
        getattr(frames_out, f"to_{library}")(ROWS)
