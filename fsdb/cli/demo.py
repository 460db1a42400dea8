"""fsdb demo: the whole job on the flights of 2013."""

import importlib
import sys

from fsdb import config, embedded
from fsdb.cli.output import out
from fsdb.cli.session import UrlOption, reached
from fsdb.errors import FsdbError
from fsdb.sql import data_folder


def demo(url: UrlOption = None) -> None:
    """Run the main job end to end on real flights, in a database of its own."""
    where = reached(url).url
    sys.path.insert(0, str(data_folder("examples")))
    try:
        module = importlib.import_module("flights.demo")
    except ModuleNotFoundError as error:
        raise FsdbError(
            f"The demo needs the package {error.name}: install it with pip install 'fsdb-postgres[demo]'."
        ) from error
    own = (url or config.configured_url() or embedded.ALIAS).startswith(embedded.ALIAS)
    module.run(where, out(), embedded.ALIAS + module.DATABASE if own else None)
