"""How fsdb takes what it was not meant for: every public call with wrong arguments, and every odd name on every engine.

`tried` counts what was done; `raw_errors` what ended in an error that is no sentence of fsdb's; `wrong_values` what came out other than
plain Python says. A name may be refused by a sentence, and then has no value to be wrong.
"""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator

import fsdb
from bench.hostile_names import Tally, try_names
from bench.report import Case
from tests.hostile.calls import definitions, make_world
from tests.hostile.tried import tried


def run(url: str, spark: bool = False, verbose: bool = False) -> Iterator[Case]:
    """Cases for the calls, for the names, and for both together. spark: on that engine, too. verbose: names what went wrong."""
    engines = ("postgres", "duckdb", "spark") if spark else ("postgres", "duckdb")
    calls, names = Tally(), Tally()
    os.environ["FSDB_URL"] = "postgresql://127.0.0.1:1/none"  # what connect() without a URL goes to
    with (
        warnings.catch_warnings(action="ignore"),
        tempfile.TemporaryDirectory() as warehouse,
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),  # where to_parquet("weather") writes
        contextlib.ExitStack() as stack,
        fsdb.connect(url, warehouse=warehouse) as store,
    ):
        for call in [*definitions(), *make_world(store)]:
            for outcome in tried(call, store if call.name.partition(".")[0] in _HANDLES else None):
                calls.tried += 1
                if outcome.raw:
                    calls.raw.append(str(outcome))
        if spark:
            from tests.engines.spark_session import small

            stack.enter_context(small())
        try_names(store, engines, names)
    yield from calls.cases("calls_")
    yield from names.cases("names_")
    yield from Tally(calls.tried + names.tried, calls.raw + names.raw, calls.wrong + names.wrong).cases()
    if verbose:
        for one in [*calls.raw, *names.raw, *names.wrong]:
            yield Case("hostile", one, 1, "case", None, None, "", False)


_HANDLES = ("Store", "Deployment", "TrainingSet", "SavedTrainingSet")
