"""Which worker runs which tests: a file is one piece of work, and so are all files whose tests share the Spark session."""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
_USES_SPARK = re.compile(r'\b(usefixtures|getfixturevalue)\("spark"\)|\bspark: (SparkSession|object)\b')


@cache
def uses_spark(file: str) -> bool:
    """Whether tests of a file take the fixture `spark`: starting a session, and warming it, costs more than most of them."""
    return _USES_SPARK.search((ROOT / file).read_text()) is not None


class Scheduling(LoadFileScheduling):
    """By file, but with one Spark session for the whole run."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "spark" if uses_spark(file) else file
