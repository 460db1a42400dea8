"""Why a training set was built as it was: prints as tables, and holds what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from rich.console import Group
from rich.text import Text

from fsdb.asof import AsOf
from fsdb.engines.routing import Candidate, Routing
from fsdb.table import Table
from fsdb.training.coverage import SetCoverage, sentences

_ENGINES = ("engine", "estimate_s", "actual_s", "chosen", "why")
_SETS = (
    "feature_set",
    "features",
    "versions",
    "rows_in_copy",
    "rows_in_tail",
    "files_read",
    "files_pruned",
    "rows_matched",
    "share_matched",
)
_FEATURES = ("feature", "feature_set", "nulls", "share_null")
_SHOWN = 20  # features when it is printed


class Covered(Protocol):
    """What is explained of a training set."""

    @property
    def coverage(self) -> Sequence[SetCoverage]: ...
    @property
    def null_counts(self) -> Mapping[str, int]: ...
    @property
    def late_notice(self) -> str | None: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def description(self) -> AsOf: ...


@dataclass(frozen=True, repr=False)
class Explanation:
    """How a training set was built.

    routing: what was expected of each engine, and of what. known: which versions counted. notice: what is to be noticed of late values and
    of rows without a version, None where there is nothing. plan: the engine's own, for people. rows: how much was found.
    """

    routing: Routing
    known: str
    notice: str | None
    plan: str
    rows: Covered

    @property
    def engines(self) -> Table:
        """A row for each engine, the cheapest first: seconds expected, seconds taken, whether and why it was chosen or not."""
        rows = [
            (one.engine, _short(one.seconds), _short(self.routing.seconds) if chosen else None, chosen, self._why(one))
            for one in self.routing.candidates
            for chosen in (one.engine == self.routing.engine,)
        ]
        return Table.of(_ENGINES, rows, f"Built by {self.routing.engine}")

    @property
    def sets(self) -> Table:
        """A row for each feature set: features read, versions in PostgreSQL, rows in its columnar copy and in the tail, the copy's files.

        Versions and rows in the tail are counted by statistics. Files pruned hold nothing that the spine's moments could ask for.
        rows_matched: the spine's rows for which a version holds that is not older than max_age; None where the engine did not count.
        """
        covered = {one.feature_set: one for one in self.rows.coverage}
        rows = []
        for r in self.routing.work.reads:
            one = covered.get(r.feature_set)
            found = (None, None) if one is None else (one.matched, _short(one.share))
            rows.append(
                (r.feature_set, r.features, r.versions, r.copy_rows, r.tail, r.files_read, r.files_pruned, *found)
            )
        return Table.of(_SETS, rows, f"Read for {self.routing.work.spine_rows:,} spine rows")

    @property
    def features(self) -> Table:
        """A row for each feature: how many of the training set's rows have no value for it, which reads the rows once."""
        count = self.rows.num_rows
        sets = {f.output: read.feature_set for read in self.rows.description.reads for f in read.features}
        rows = [
            (name, sets.get(name, "expression"), nulls, _short(nulls / count) if count else None)
            for name, nulls in self.rows.null_counts.items()
        ]
        return Table.of(_FEATURES, rows, f"Values that are missing, of {count:,} spine rows")

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can carry it."""
        return {
            "engine": self.routing.engine,
            "why": self.routing.why,
            "known": self.known,
            "notice": self.notice,
            "engines": self.engines.to_dicts(),
            "feature_sets": self.sets.to_dicts(),
            "features": self.features.to_dicts(),
            "plan": self.plan,
        }

    def _why(self, one: Candidate) -> str:
        if one.engine == self.routing.engine:
            return self.routing.why
        if one.refusal is not None:
            return one.refusal
        return "not asked for" if self.routing.forced else "dearer"

    @property
    def _features_shown(self) -> Table:
        """Those with the most NULLs, where there are many."""
        every = self.features
        if len(every.rows) <= _SHOWN:
            return every
        most = sorted(every.rows, key=lambda row: -int(row[2]))[:_SHOWN]
        return Table.of(
            _FEATURES, most, f"{every.title}: the {_SHOWN} of {len(every.rows):,} features that lack the most"
        )

    @property
    def _sentences(self) -> list[str]:
        late = self.rows.late_notice or "Every value was recorded by its row's own timestamp."
        return [" ".join([f"known {self.known}. {late}", *sentences(self.rows.coverage)])]

    def __rich__(self) -> Group:
        return Group(self.engines, self.sets, self._features_shown, *map(Text, self._sentences))

    def __repr__(self) -> str:
        tables = (self.engines, self.sets, self._features_shown)
        return "\n\n".join([*(repr(table).rstrip() for table in tables), *self._sentences])

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences)
        tables = (self.engines, self.sets, self._features_shown)
        return "".join(table._repr_html_() for table in tables) + paragraphs


def _short(seconds: float | None) -> float | None:
    """Seconds to three digits, which is more than an estimate knows."""
    return None if seconds is None else float(f"{seconds:.3g}")
