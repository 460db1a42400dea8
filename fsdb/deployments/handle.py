"""The handle of a deployment that users hold."""

from fsdb.catalog.deployments import RegisteredDeployment, get_deployment, list_events
from fsdb.db import Database
from fsdb.deployments import deployments
from fsdb.deployments.lineage import lineage
from fsdb.deployments.replay import Replay, replay
from fsdb.table import Table


class Deployment:
    """A model deployed as a table. Each call is a transaction of its own, or part of the one that is open."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    @property
    def table(self) -> str:
        """The model table, as one writes it in SQL."""
        return self.name

    @property
    def model(self) -> str:
        """The model's name."""
        return self._registered().model

    @property
    def version(self) -> int:
        """The model version that scores now."""
        return self._registered().version

    def lineage(self, prediction_id: int) -> Table:
        """What a prediction was made from: input, value, feature_set, version_id, event_time, recorded_at."""
        with self._database.transaction() as connection:
            return lineage(connection, self.name, prediction_id)

    def replay(self, limit: int | None = 1000) -> Replay:
        """Scores the newest predictions again from the versions that they recorded."""
        with self._database.transaction() as connection:
            return replay(connection, self.name, limit)

    def rollback(self) -> "Deployment":
        """Lets the former version score again."""
        with self._database.transaction() as connection:
            deployments.rollback(connection, self.name)
        return self

    def undeploy(self, drop_predictions: bool = False) -> None:
        """Removes table, triggers and functions; refused where there are predictions, unless they may be dropped."""
        with self._database.transaction() as connection:
            deployments.undeploy(connection, self.name, drop_predictions)

    def events(self) -> Table:
        """What happened to the deployment: at, action, model, version, by."""
        columns = ("at", "action", "model", "version", "by")
        with self._database.transaction() as connection:
            rows = [[event[column] for column in columns] for event in list_events(connection, self.name)]
        return Table.of(columns, rows, f"Deployment {self.name}")

    def __repr__(self) -> str:
        return f"<Deployment {self.name}>"

    def _registered(self) -> RegisteredDeployment:
        with self._database.transaction() as connection:
            return get_deployment(connection, self.name)
