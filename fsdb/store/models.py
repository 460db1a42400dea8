"""Models: registered, deployed, attached, their stages and what they cost."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fsdb import deployments
from fsdb.access.deploying import acting, as_deployer
from fsdb.arguments import checked_calls
from fsdb.deployments import Deployment, ModelCard, ModelVersion
from fsdb.errors import NeedsWorker
from fsdb.store.base import BaseStore
from fsdb.table import Table
from fsdb.training import SavedTrainingSet, TrainingSet
from fsdb.types import TypeLike


@checked_calls(of="Store")
class ModelStore(BaseStore):
    """Models and the tables whose rows they score."""

    def register_model(
        self,
        name: str,
        estimator: Any,
        training_set: TrainingSet | SavedTrainingSet | None = None,
        inputs: Mapping[str, TypeLike] | None = None,
        metrics: Mapping[str, float] | None = None,
        description: str = "",
        tags: str | Sequence[str] = (),
        owner: str = "",
        rows: Any = (),
        trust_code: bool = False,
    ) -> ModelVersion:
        """Registers a fitted estimator as the next version of a model, compiled and compared with its native predict.

        The training set tells which inputs are features; without one, `inputs` maps each to "set.feature" or a type. The
        comparison is made on rows of the training set and on `rows`, a frame or mappings of input names to values. estimator: also an
        MLflow model by its URI (runs:/…, models:/…) or folder; one that runs code of its maker's when it is loaded, such as a pickle, only
        with trust_code=True.
        """
        trained_on = training_set.rebuild() if isinstance(training_set, SavedTrainingSet) else training_set
        with self._database.transaction() as connection, acting(connection):
            return deployments.register_model(
                connection,
                name,
                estimator,
                training_set=trained_on,
                inputs=inputs,
                metrics=metrics,
                description=description,
                tags=tags,
                owner=owner,
                rows=rows,
                trust_code=trust_code,
            )

    def describe_model(self, name: str, version: int | None = None) -> ModelCard:
        """The card of a model version (the newest without one): signature, training set, metrics, parity, packages, deployments."""
        with self._database.transaction() as connection:
            return deployments.describe_model(connection, name, version)

    def deploy(
        self,
        name: str,
        table: str,
        version: int | str | None = None,
        runtime: str = "auto",
        on_error: str | None = None,
    ) -> Deployment:
        """Binds a model version to a table whose inserts it scores, or replaces the one bound to it.

        version: a number, a stage such as "production", or None for the newest. on_error: "reject" fails the insert of a
        row that cannot be scored, "null" records it with the reason in column error. Warns with NeedsWorker where runtime="auto" comes
        to the runtime worker.
        """
        deployed = self._database.changing(
            as_deployer(lambda connection: deployments.deploy(connection, name, table, version, runtime, on_error))
        )
        _tell_of_worker(deployed, runtime)
        return Deployment(self._database, deployed.name)

    def attach(
        self,
        name: str,
        table: str,
        version: int | str | None = None,
        predictions: str | None = None,
        inputs: Mapping[str, str] | None = None,
        columns: bool = False,
        backfill: bool = False,
        on_update: Sequence[str] = ("inputs", "features"),
        runtime: str = "auto",
        on_error: str = "reject",
        progress: Callable[[int, int], None] | None = None,
    ) -> Deployment:
        """Scores the rows of an application's own table into `<table>_predictions`, or the table that `predictions` names.

        Each inserted row is scored; with on_update also when its keys or inputs change, or the features that it is looked up
        by, each time as a further record. inputs: keys and inputs that the table calls otherwise. columns: adds columns with the newest
        prediction to the table; else the view `<table>_scored` shows it. backfill: scores the rows that are there; `progress` is
        called with the pages done and all.
        """
        attached = self._database.changing(
            lambda connection: deployments.attach(
                connection,
                name,
                table,
                version=version,
                predictions=predictions,
                inputs=inputs,
                columns=columns,
                backfill=backfill,
                on_update=on_update,
                runtime=runtime,
                on_error=on_error,
                progress=progress,
            )
        )
        _tell_of_worker(attached, runtime)
        return Deployment(self._database, attached.name)

    def set_stage(self, model: str, version: int, stage: str) -> None:
        """Puts a model version into a stage: "staging", "production" (the former one goes to the archive), "archived" or "none"."""
        with self._database.transaction() as connection, acting(connection):
            deployments.set_stage(connection, model, version, stage)

    def stages(self, model: str) -> Table:
        """The versions of a model with their stages."""
        with self._database.transaction() as connection:
            return deployments.stages(connection, model)

    def costs(self, table: str | None = None, since: datetime | None = None) -> Table:
        """Rows, errors and time in scoring, of one deployment or all, by model version."""
        with self._database.transaction() as connection:
            return deployments.costs(connection, table, since)

    def deployment(self, table: str) -> Deployment:
        """The deployment of that table."""
        with self._database.transaction() as connection:
            return Deployment(self._database, deployments.get_deployment(connection, table).name)


def _tell_of_worker(deployed: deployments.RegisteredDeployment, wanted: str) -> None:
    """Warns where nobody asked for the runtime worker, and it is the one that the model got."""
    if wanted == "auto" and deployed.current.runtime == "worker":
        warnings.warn(
            f"Rows of {deployed.name} get their prediction from the process `fsdb worker`, which must run; none of the server's runtimes can "
            f"have the model. {deployed.current.reason}",
            NeedsWorker,
            stacklevel=4,  # the caller of deploy or attach, past what checks its arguments
        )
