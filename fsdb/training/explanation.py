"""Why a training set was built as it was: prints as tables, and holds what they show."""

from dataclasses import dataclass
from html import escape
from typing import Any

from rich.console import Group
from rich.text import Text

from fsdb.engines.routing import Candidate, Routing
from fsdb.table import Table

_ENGINES = ("engine", "estimate_s", "actual_s", "chosen", "why")
_SETS = ("feature_set", "features", "versions", "rows_in_copy", "rows_in_tail", "files_read", "files_pruned")


@dataclass(frozen=True, repr=False)
class Explanation:
    """How a training set was built.

    routing: what was expected of each engine, and of what. known: which versions counted. notice: a sentence about values
    that were recorded only after their row's moment, None where there are none. plan: the engine's own, for people.
    """

    routing: Routing
    known: str
    notice: str | None
    plan: str

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
        """
        rows = [
            (r.feature_set, r.features, r.versions, r.copy_rows, r.tail, r.files_read, r.files_pruned)
            for r in self.routing.work.reads
        ]
        return Table.of(_SETS, rows, f"Read for {self.routing.work.spine_rows:,} spine rows")

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can carry it."""
        return {
            "engine": self.routing.engine,
            "why": self.routing.why,
            "known": self.known,
            "notice": self.notice,
            "engines": self.engines.to_dicts(),
            "feature_sets": self.sets.to_dicts(),
            "plan": self.plan,
        }

    def _why(self, one: Candidate) -> str:
        if one.engine == self.routing.engine:
            return self.routing.why
        if one.refusal is not None:
            return one.refusal
        return "not asked for" if self.routing.forced else "dearer"

    @property
    def _sentences(self) -> list[str]:
        notice = self.notice or "Every value was recorded by its row's own timestamp."
        return [f"known {self.known}. {notice}"]

    def __rich__(self) -> Group:
        return Group(self.engines, self.sets, *map(Text, self._sentences))

    def __repr__(self) -> str:
        return "\n\n".join([repr(self.engines).rstrip(), repr(self.sets).rstrip(), *self._sentences])

    def _repr_html_(self) -> str:
        paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences)
        return self.engines._repr_html_() + self.sets._repr_html_() + paragraphs


def _short(seconds: float | None) -> float | None:
    """Seconds to three digits, which is more than an estimate knows."""
    return None if seconds is None else float(f"{seconds:.3g}")
