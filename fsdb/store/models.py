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
from fsdb.progress import parts_done
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
        """Registers a fitted estimator as the next version of a model. Compiles it, and compares it with its native predict.

        Args:
            name: The model's name.
            estimator: A fitted estimator, an OnnxModel, or an MLflow model by its URI (runs:/…, models:/…) or folder.
            training_set: What it was fitted on. It says which inputs are features, and its rows are compared.
            inputs: Without a training set: each input, with "set.feature" or a type.
            metrics: Numbers to keep with the version.
            description: What the model predicts.
            tags: Words to find it by.
            owner: Who is responsible.
            rows: Further rows to compare on: a frame, or mappings of input names to values.
            trust_code: Allows an MLflow model that runs its maker's code when it is loaded, such as a pickle.

        Raises:
            UnsupportedModel: A part of the model cannot be computed exactly; the message names it.
            ParityFailed: The compiled model gives other numbers than the native one.
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
        """Deploys a model version as a table that scores each inserted row, or replaces the version that the table has.

        Warns with NeedsWorker if runtime="auto" ends at the runtime worker.

        Args:
            name: The model's name.
            table: The table to make, or of the deployment to change.
            version: A number, a stage such as "production", or None for the newest.
            runtime: "sql", "onnx", "worker" or "auto".
            on_error: "reject" fails the insert of a row that cannot be scored. "null" records it with the reason in column error.
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
        """Scores the rows of an application's own table where they are. Each prediction is a record in a table beside it.

        Args:
            name: The model's name.
            table: The application's table, which has a primary key.
            version: A number, a stage such as "production", or None for the newest.
            predictions: The table of predictions. Without it, `<table>_predictions`.
            inputs: The column for each key or input that has another name in the table.
            columns: Adds columns with the newest prediction to the table. Without it, the view `<table>_scored` shows them.
            backfill: Scores the rows that are there.
            on_update: What scores a row again: "inputs", if its keys or inputs change, and "features", if the features change that
                it is looked up by.
            runtime: "sql", "onnx", "worker" or "auto".
            on_error: "reject" fails the statement that brings a row that cannot be scored. "null" records the reason.
            progress: With backfill, is called with the table's pages done so far and in all.
        """
        with parts_done(progress, "Pages scored") as told:
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
                    progress=told,
                )
            )
        _tell_of_worker(attached, runtime)
        return Deployment(self._database, attached.name)

    def set_stage(self, model: str, version: int, stage: str) -> None:
        """Puts a model version into a stage: "staging", "production", "archived" or "none". The version that was in production is archived."""
        with self._database.transaction() as connection, acting(connection):
            deployments.set_stage(connection, model, version, stage)

    def stages(self, model: str) -> Table:
        """The versions of a model with their stages."""
        with self._database.transaction() as connection:
            return deployments.stages(connection, model)

    def costs(self, table: str | None = None, since: datetime | None = None) -> Table:
        """Rows, errors and time spent in scoring, of one deployment or all, by model version."""
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
            f"Rows of {deployed.name} get their prediction from the process `fsdb worker`, which must be running: no runtime in the server can "
            f"run this model. {deployed.current.reason}",
            NeedsWorker,
            stacklevel=4,  # the caller of deploy or attach, past what checks its arguments
        )
