"""Model cards: all that the catalog knows of a model version, for whoever must answer for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from rich.console import Group

from fsdb.catalog.models import ModelVersion, Surroundings, get_version, surroundings
from fsdb.deployments.registry import load_program
from fsdb.errors import NotReproducible
from fsdb.table import Table


@dataclass(frozen=True, repr=False)
class ModelCard:
    """A model version with what stands about it. tolerance: how far its numbers may be from the native ones, None where its program cannot be read."""

    version: ModelVersion
    about: Surroundings
    tolerance: float | None

    @property
    def tables(self) -> tuple[Table, ...]:
        """The card for people: what it is, its inputs, its metrics, where it scores."""
        of, about = self.version, self.about
        trained = (
            f"{of.training_set}: {about.training_rows:,} rows, hash {of.training_set_hash}" if of.training_set else ""
        )
        rows = [
            ("description", about.description),
            ("owner", about.owner),
            ("tags", ", ".join(about.tags)),
            ("stage", about.stage),
            ("estimator", of.estimator),
            ("predicts", of.prediction_type + (f" of {', '.join(of.classes)}" if of.classes else "")),
            ("trained on", trained),
            ("training view", about.training_view or ""),
            ("label", about.label or ""),
            ("parity", self._parity),
            ("registered", f"{of.created_at:%Y-%m-%d %H:%M:%S%z} by {of.created_by}"),
            ("source", of.source or ""),
            ("packages", ", ".join(of.packages)),
            ("checksum", of.checksum),
        ]
        inputs = [(given.name, given.type, given.feature or "the row") for given in of.inputs]
        return (
            Table.of(("", ""), [row for row in rows if row[1]], f"Model {of.model} version {of.version}"),
            Table.of(("input", "type", "from"), inputs, "Inputs"),
            *([Table.of(("metric", "value"), sorted(of.metrics.items()), "Metrics")] if of.metrics else []),
            *([Table.of(_REPORT, self._reports, "Parity")] if about.reports else []),
            *([Table.of(_PLACE, about.deployments, "Deployments")] if about.deployments else []),
        )

    def to_dict(self) -> dict[str, Any]:
        """The card for machines, as JSON can carry it."""
        of, about = self.version, self.about
        trained: Mapping[str, Any] | None = None
        if of.training_set:
            trained = {
                "name": of.training_set,
                "rows": about.training_rows,
                "hash": of.training_set_hash,
                "view": about.training_view,
                "label": about.label,
            }
        return {
            "model": of.model,
            "version": of.version,
            "description": about.description,
            "owner": about.owner,
            "tags": list(about.tags),
            "stage": about.stage,
            "estimator": of.estimator,
            "framework": of.framework,
            "framework_version": of.framework_version,
            "prediction_type": of.prediction_type,
            "classes": None if of.classes is None else list(of.classes),
            "inputs": [{"name": i.name, "type": i.type, "feature": i.feature} for i in of.inputs],
            "training_set": trained,
            "metrics": dict(sorted(of.metrics.items())),
            "parity": {
                "rows_checked": of.rows_checked,
                "rows_refused": about.rows_refused,
                "largest_difference": of.largest_difference,
                "tolerance": self.tolerance,
                "reports": Table.of(_REPORT, self._reports).to_dicts(),
            },
            "packages": list(of.packages),
            "fsdb_version": of.fsdb_version,
            "source": of.source,
            "checksum": of.checksum,
            "registered_at": of.created_at.isoformat(),
            "registered_by": of.created_by,
            "deployments": [dict(zip(_PLACE, place, strict=True)) for place in about.deployments],
        }

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.tables))

    def __rich__(self) -> Group:
        return Group(*self.tables)

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables)

    @property
    def _reports(self) -> list[tuple[Any, ...]]:
        return [tuple(getattr(report, name) for name in _REPORT) for report in self.about.reports]

    @property
    def _parity(self) -> str:
        allowed = "" if self.tolerance is None else f" of {self.tolerance:g} allowed"
        refused = f", of which the native model refuses {self.about.rows_refused:,}" if self.about.rows_refused else ""
        return f"{self.version.rows_checked:,} rows{refused}; largest difference {self.version.largest_difference:g}{allowed}"


_REPORT = ("deployment", "runtime", "at", "rows_checked", "rows_refused", "largest_difference", "tolerance")
_PLACE = ("table", "runtime", "reason", "role")


def describe_model(connection: Connection[Any], name: str, version: int | None = None) -> ModelCard:
    """The card of a model version, the newest where none is named. Raises UnknownName."""
    found = get_version(connection, name, version)
    try:
        tolerance = load_program(connection, found).tolerance
    except NotReproducible:
        tolerance = None
    return ModelCard(found, surroundings(connection, found), tolerance)
