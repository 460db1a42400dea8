"""The handle of a deployment that users hold."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import psycopg
import pyarrow as pa

from fsdb.access.deploying import as_deployer
from fsdb.arguments import checked_calls
from fsdb.catalog.deployments import RegisteredDeployment, get_deployment, list_events
from fsdb.db import Database
from fsdb.deployments import deployments
from fsdb.deployments.bulk import score
from fsdb.deployments.canary import promote_canary, start_canary, stop_canary
from fsdb.deployments.feeds.shadow import promote_shadow, shadow, stop_shadow
from fsdb.deployments.lineage import lineage
from fsdb.deployments.measures import compare, costs
from fsdb.deployments.queueing import described, waiting_rows
from fsdb.deployments.replay import Replay, replay
from fsdb.errors import FsdbError
from fsdb.table import Table


@checked_calls()
class Deployment:
    """A model deployed as a table. Each call is a transaction of its own, or part of the one that is open."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    @property
    def table(self) -> str:
        """The model table, as you write it in SQL."""
        return self.name

    @property
    def model(self) -> str:
        """The model's name."""
        return self._registered().model

    @property
    def version(self) -> int:
        """The model version that scores now."""
        return self._registered().version

    def score(self, data: Any, *, on_error: str = "reject", record: bool = False) -> pa.Table:
        """Predicts for many rows as of now. Returns the rows in their order, each with its prediction and the versions that were read.

        data: a pandas, polars or Arrow table, a Parquet or CSV file, or an SQL query, with the model table's keys and request
        inputs. on_error: "reject" refuses all rows if the model does not take one; "null" gives the reason in column error.
        record: also inserts the rows into the model table. If you own it, the results are computed in this process.
        """
        with self._database.transaction() as connection:
            return score(connection, self.name, data, on_error=on_error, record=record)

    def lineage(self, prediction_id: int) -> Table:
        """Shows what a prediction was made from: input, value, feature_set, version_id, event_time, recorded_at."""
        with self._database.transaction() as connection:
            return lineage(connection, self.name, prediction_id)

    def replay(self, limit: int | None = 1000) -> Replay:
        """Scores the newest predictions again from the versions that they recorded."""
        with self._database.transaction() as connection:
            return replay(connection, self.name, limit)

    @property
    def runtime(self) -> str:
        """Where the live version computes: "sql", "onnx" or "worker"."""
        return self._registered().current.runtime

    @property
    def reason(self) -> str:
        """Why that runtime was chosen."""
        return self._registered().current.reason

    @property
    def canary_version(self) -> tuple[int, float] | None:
        """The version that scores a share of the keys, and the share. None if there is no canary."""
        deployed = self._registered()
        if deployed.canary is None:
            return None
        return deployed.releases[deployed.canary.release].version, deployed.canary.share

    def canary(
        self,
        version: int | str | None = None,
        share: float = 0.1,
        by: Sequence[str] = (),
        runtime: str = "auto",
    ) -> "Deployment":
        """Lets another version score a share of the keys, always the same ones. by: the columns that make up a key."""
        self._database.changing(
            as_deployer(lambda connection: start_canary(connection, self.name, version, share, by, runtime))
        )
        return self

    def stop_canary(self) -> "Deployment":
        """Lets the live version score every key again."""
        self._database.changing(as_deployer(lambda connection: stop_canary(connection, self.name)))
        return self

    def promote_canary(self) -> "Deployment":
        """Makes the canary's version the live one."""
        self._database.changing(as_deployer(lambda connection: promote_canary(connection, self.name)))
        return self

    def shadow(self, version: int | str | None = None, runtime: str = "auto") -> "Deployment":
        """Lets another version score every row beside the live one, into the table `<table>_shadow`; returns that deployment."""
        made = self._database.changing(as_deployer(lambda connection: shadow(connection, self.name, version, runtime)))
        return Deployment(self._database, made.name)

    def stop_shadow(self, drop_predictions: bool = False) -> "Deployment":
        """Ends the shadow. Its predictions stay, unless drop_predictions says otherwise."""
        self._database.changing(as_deployer(lambda connection: stop_shadow(connection, self.name, drop_predictions)))
        return self

    def promote_shadow(self) -> "Deployment":
        """Makes the shadow's version the live one."""
        self._database.changing(as_deployer(lambda connection: promote_shadow(connection, self.name)))
        return self

    def compare(self, labels: str, label: str, id_column: str = "prediction_id") -> Table:
        """Compares the live version, the canary and the shadow where labels are known: one row for each that predicted.

        labels: a table or view with the column `id_column` (prediction_ids of the live table) and the column `label`.
        """
        with self._database.transaction() as connection:
            return compare(connection, self.name, labels, label, id_column)

    def costs(self, since: datetime | None = None) -> Table:
        """Rows, errors and time spent in scoring, by model version, of rows scored since a moment."""
        with self._database.transaction() as connection:
            return costs(connection, self.name, since)

    def rollback(self) -> "Deployment":
        """Rolls back to the version that was deployed before this one."""
        self._database.changing(as_deployer(lambda connection: deployments.rollback(connection, self.name)))
        return self

    def undeploy(self, drop_predictions: bool = False) -> None:
        """Removes the table, triggers and functions. If there are predictions, it needs drop_predictions=True."""
        self._database.changing(
            as_deployer(lambda connection: deployments.undeploy(connection, self.name, drop_predictions))
        )

    def events(self) -> Table:
        """What happened to the deployment: at, action, model, version, by."""
        columns = ("at", "action", "model", "version", "by")
        with self._database.transaction() as connection:
            rows = [[event[column] for column in columns] for event in list_events(connection, self.name)]
        return Table.of(columns, rows, f"Deployment {self.name}")

    def __repr__(self) -> str:
        try:
            with self._database.transaction() as connection:
                deployed = get_deployment(connection, self.name)
                return f"<Deployment {self.name}: {described(deployed, waiting_rows(connection))}>"
        except (FsdbError, psycopg.Error):  # it is gone, or the database is
            return f"<Deployment {self.name}>"

    def _shown(self) -> Table:
        with self._database.transaction() as connection:
            deployed = get_deployment(connection, self.name)
            waiting = waiting_rows(connection).get(self.name, 0)
        canary = deployed.canary
        tried = (
            ""
            if canary is None
            else f"version {deployed.releases[canary.release].version} for {canary.share:.4g} of the keys"
        )
        rows = [
            ("model", f"{deployed.model} version {deployed.version}"),
            ("runtime", deployed.current.runtime),
            ("why", deployed.current.reason),
            (
                "a row that cannot be scored",
                "is refused" if deployed.on_error == "reject" else "has NULL, and the reason in error",
            ),
            ("canary", tried),
            ("rows that wait", f"{waiting:,}" if waiting else ""),
        ]
        return Table.of(("", ""), [row for row in rows if row[1]], f"Deployment {self.name}")

    def _repr_html_(self) -> str:
        try:
            return self._shown()._repr_html_()
        except (FsdbError, psycopg.Error):  # it is gone, or the database is
            return f"<p>{escape(repr(self))}</p>"

    def _registered(self) -> RegisteredDeployment:
        with self._database.transaction() as connection:
            return get_deployment(connection, self.name)
