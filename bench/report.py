"""What every benchmark reports: a value and a baseline of the same run, against a target."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.console import Console

from fsdb.table import Table


@dataclass(frozen=True)
class Case:
    """One measured case.

    value and baseline are in `unit`; ratio is value / baseline; target is the bound on the ratio (or on the value,
    where there is no baseline) in words, such as ">= 0.45"; ok says whether it is kept.
    """

    bench: str
    case: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    target: str
    ok: bool


def at_least(bench: str, case: str, value: float, *, unit: str, baseline: float, target: float) -> Case:
    """A case whose value / baseline is to reach `target`, such as a speed."""
    ratio = value / baseline
    return Case(bench, case, value, unit, baseline, ratio, f">= {target:g}", ratio >= target)


def at_most(bench: str, case: str, value: float, *, unit: str, baseline: float, target: float) -> Case:
    """A case whose value / baseline is to stay within `target`, such as a latency."""
    ratio = value / baseline
    return Case(bench, case, value, unit, baseline, ratio, f"<= {target:g}", ratio <= target)


def within(bench: str, case: str, value: float, *, unit: str, target: float) -> Case:
    """A case without baseline whose value itself is to stay within `target`, in the same unit."""
    return Case(bench, case, value, unit, None, None, f"<= {target:g} {unit}", value <= target)


def faster_than(bench: str, case: str, value: float, *, unit: str, baseline: float, target: float) -> Case:
    """A case whose value itself is to reach `target`, in the same unit; the baseline is there for comparison."""
    return Case(bench, case, value, unit, baseline, value / baseline, f">= {target:,.0f} {unit}", value >= target)


def report(cases: Iterable[Case], as_json: bool) -> None:
    """Prints each case as a JSON object on a line of its own, as soon as it is there; or all in one table."""
    if as_json:
        for case in cases:
            sys.stdout.write(json.dumps(asdict(case)) + "\n")
            sys.stdout.flush()
        return
    cases = list(cases)
    columns = ("case", "value", "unit", "baseline", "ratio", "target", "ok")
    rows = [
        (
            case.case,
            _number(case.value),
            case.unit,
            _number(case.baseline),
            _number(case.ratio),
            case.target,
            "yes" if case.ok else "NO",
        )
        for case in cases
    ]
    Console().print(Table(columns, tuple(rows), f"Benchmark {cases[0].bench}" if cases else "Benchmark"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
