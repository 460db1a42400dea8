"""Parquet files that users give: one, several, a pattern of names, or a folder of them, as one Arrow table in their order."""

from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

import pyarrow as pa

from fsdb.errors import InvalidData

_END = ".parquet"


def is_parquet(given: Any) -> bool:
    """Whether this means Parquet files: a Path, a text that ends in .parquet, or a list of such."""
    if isinstance(given, (list, tuple)):
        return bool(given) and all(isinstance(one, (str, Path)) and is_parquet(one) for one in given)
    return isinstance(given, Path) or (isinstance(given, str) and given.lower().endswith(_END))


def read_files(given: str | Path | Sequence[str | Path], what: str) -> pa.Table:
    """The files' rows: files in the order of the list, those of a pattern or folder by name. what: how errors call them, such as "spine".

    Raises InvalidData where there is no such file, one cannot be read, or two have different columns.
    """
    import pyarrow.dataset as ds  # which loads pandas where it is installed

    paths = [
        path for one in (given if isinstance(given, (list, tuple)) else [given]) for path in _found(str(one), what)
    ]
    try:
        opened = [ds.dataset(path, format="parquet") for path in paths]
        for path, one in zip(paths, opened, strict=True):
            if one.schema.names != opened[0].schema.names:
                raise InvalidData(
                    f"The {what}'s files {paths[0]} and {path} have different columns: give each the same, in the same order."
                )
        schema = pa.unify_schemas([one.schema for one in opened], promote_options="permissive")
        return pa.concat_tables([one.replace_schema(schema).to_table() for one in opened])
    except (OSError, pa.ArrowException) as error:
        raise InvalidData(f"The {what}'s Parquet files cannot be read: {error}.") from error


def _found(path: str, what: str) -> list[str]:
    if Path(path).is_dir():
        files = sorted(str(file) for file in Path(path).glob(f"*{_END}"))
    else:
        files = [path] if Path(path).exists() else sorted(glob(path))  # noqa: PTH207 - of any folder
    if not files:
        raise InvalidData(f"The {what} names Parquet files {path!r}, and there are none: check the path.")
    return files
