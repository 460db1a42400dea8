"""What an erasure did, or would do."""

from dataclasses import dataclass, field
from typing import Any

from fsdb.table import Table


@dataclass(frozen=True)
class ErasureResult:
    """How much was taken from where, or would be in a dry run, whose `number` is None.

    counts: rows by place. training_sets: saved ones that cannot be verified any more, with the rows taken out of their spines.
    predictions: how many of each deployment went, or cannot be replayed any more. notes: what stays, as sentences. pending: whether
    files of the set's copy are still to be written anew.
    """

    feature_set: str
    operation: str
    number: int | None
    entities: int
    counts: dict[str, int]
    training_sets: dict[str, int] = field(default_factory=dict)
    predictions: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pending: bool = False

    @property
    def total(self) -> int:
        """How many rows there are in all places."""
        return sum(self.counts.values())

    def __bool__(self) -> bool:
        return self.total > 0

    def __str__(self) -> str:
        what = "entity" if self.entities == 1 else "entities"
        done = "would lose" if self.number is None else "lost"
        return f"{self.feature_set} {done} {self.counts.get('history', 0)} versions of {self.entities} {what}, {self.total} rows in all."

    @property
    def table(self) -> Table:
        """A row for each place, and for what cannot be verified or replayed any more."""
        rows: list[tuple[str, str, int]] = [("rows", place, count) for place, count in self.counts.items()]
        rows += [("not to be verified", f"training set {name}", count) for name, count in self.training_sets.items()]
        kept = "not to be replayed" if self.operation == "repair" else "erased"
        rows += [(kept, f"predictions of {name}", count) for name, count in self.predictions.items()]
        title = "Would be erased" if self.number is None else f"Erasure {self.number}"
        return Table.of(("what", "where", "rows"), rows, f"{title} from {self.feature_set}")

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can carry it."""
        return {**vars(self), "notes": list(self.notes)}
