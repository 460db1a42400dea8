"""The store: the thin facade that users hold, and the only place where the parts are put together."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, tzinfo
from types import TracebackType
from typing import Any, Literal, Self

import pyarrow as pa
from psycopg import Connection

from fsdb import columnar, config, deployments, embedded, erasure, history, retention, training, vectors
from fsdb.access import audit, erasures, roles
from fsdb.access.deploying import acting, as_deployer
from fsdb.arguments import checked, checked_calls
from fsdb.asof import snapshots
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.catalog.search import describe, search
from fsdb.db import Database
from fsdb.definitions import FeatureSet, TrainingView
from fsdb.deployments import Deployment, ModelCard, ModelVersion
from fsdb.errors import ChangeRefused, ColumnsLeftOut, LateValues, NeedsWorker, NothingMatched, PartlyErased
from fsdb.ingest import IngestResult, backfill, ingest, ingest_several
from fsdb.migrate import catalog
from fsdb.migrate.applying import apply_definitions
from fsdb.migrate.diff import Definition
from fsdb.migrate.plan import Plan, apply, plan
from fsdb.retention import RetentionResult
from fsdb.status import Status, read_status
from fsdb.table import Table
from fsdb.training import SavedTrainingSet, TrainingSet
from fsdb.types import TypeLike


@checked
def connect(url: str | None = None, warehouse: str | None = None) -> "Store":
    """A store on the database at `url`, else at `$FSDB_URL`, else on the embedded PostgreSQL, started if need be.

    "embedded:///name" is another database of the embedded server. warehouse: where new columnar copies go, a folder or an
    fsspec URL; else `$FSDB_WAREHOUSE`, else a folder in the user's data folder.

    A database without a catalog gets one. Raises ConnectionFailed where there is no usable server, or no right to
    create schemas; CatalogMissing where the catalog is of another version (the embedded one is upgraded).
    """
    database = Database(embedded.resolved(url))
    database.open()
    try:
        owned = (url or config.configured_url() or embedded.ALIAS).startswith(embedded.ALIAS)
        with database.transaction() as connection:
            revision = catalog.read_revision(connection)
        if revision is None or (owned and revision != catalog.head_revision()):
            catalog.upgrade(database.url)
        with database.transaction() as connection:
            catalog.check(connection)
            snapshots.adopt(connection)
    except BaseException:
        database.close()
        raise
    return Store(database, warehouse)


@checked_calls("feature_vector", "feature_vectors")
class Store:
    """A PostgreSQL database as feature store and model server. Each call is one transaction; errors change nothing.

    Calls inside `with store.transaction():` are one transaction together.
    """

    def __init__(self, database: Database, warehouse: str | None = None) -> None:
        self._database = database
        self._warehouse = warehouse

    @property
    def url(self) -> str:
        """The database's URL."""
        return self._database.url

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """One database transaction for all calls of the block, on the psycopg connection that it gives.

        Statements of your own raise what psycopg raises. A child that is forked inside the block has no part in it.
        """
        with self._database.transaction(users=True) as connection:
            yield connection

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<fsdb store on database {self._database.name}>"

    # Definitions

    def plan(self, definitions: Sequence[Definition], prune: bool = False) -> Plan:
        """What `apply` would change. What no definition names stays, or goes with `prune`."""
        with self._database.transaction() as connection:
            return plan(connection, definitions, prune)

    def apply(
        self,
        definitions: Sequence[Definition],
        prune: bool = False,
        allow_destructive: bool = False,
        confirm: Callable[[Plan], bool] | None = None,
    ) -> Plan:
        """Makes the database as defined, in one transaction, and returns what was changed.

        Destructive changes need `allow_destructive`, or a `confirm` that returns True for the plan. Where more sets are dropped than
        the server's lock table holds, they go last, in several transactions. Raises ChangeRefused.
        """
        return apply_definitions(self._database, definitions, prune, allow_destructive, confirm)

    def track(
        self,
        table: str,
        name: str | None = None,
        keys: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        event_time: str | None = None,
        max_age: str | None = None,
        description: str = "",
    ) -> RegisteredSet:
        """Turns an existing table into a feature set; its columns and its application stay as they are.

        keys: else the primary key. features: else all other columns that can be; a ColumnsLeftOut warning names those that cannot, and
        why. event_time: the column that holds it, else the wall clock counts.
        """

        def change(connection: Connection[Any]) -> RegisteredSet:
            definition = history.tracked_definition(
                connection,
                table,
                name=name,
                keys=keys,
                features=features,
                event_time=event_time,
                max_age=max_age,
                description=description,
            )
            apply(connection, plan(connection, [definition]))
            return get_set(connection, definition.name)

        registered = self._database.changing(change)
        if features is None:
            with self._database.transaction() as connection:
                left_out = history.notes(connection, registered)
            if left_out:
                warnings.warn(" ".join(left_out), ColumnsLeftOut, stacklevel=3)
        return registered

    # Data

    def ingest(
        self,
        feature_set: str | FeatureSet | Sequence[str | FeatureSet],
        data: Any,
        event_time: str | None = None,
        timezone: str | tzinfo | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> IngestResult:
        """Takes rows of pandas, polars, Arrow, a Parquet or CSV file or an SQL query into a feature set, all or none.

        Columns bind by name; `event_time` names the column that holds it, else the column of that name counts, else
        now. Times without a zone need `timezone`: a name as "Europe/Berlin", an offset as "+02:00", or a tzinfo. `progress` is called with the rows sent so far. Of several feature sets each
        takes its own columns, and the counts are the sums over the sets.
        """
        with self._database.transaction() as connection:
            if isinstance(feature_set, (str, FeatureSet)):
                return ingest(connection, _registered(connection, feature_set), data, event_time, timezone, progress)
            sets = [_registered(connection, one) for one in feature_set]
            return ingest_several(connection, sets, data, event_time, timezone, progress)

    def delete(
        self, feature_set: str, keys: Mapping[str, Any] | Sequence[Mapping[str, Any]], event_time: datetime
    ) -> int:
        """Deletes entities as of a moment and returns how many tombstones that wrote; a late one leaves the newer live row alone."""
        rows = [keys] if isinstance(keys, Mapping) else list(keys)
        with self._database.transaction() as connection:
            return history.delete_as_of(connection, get_set(connection, feature_set), rows, event_time)

    def backfill(
        self,
        feature_set: str,
        data: Any,
        features: Sequence[str] | None = None,
        event_time: str | None = None,
        timezone: str | tzinfo | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Gives added features their past values, from rows of keys, event time and features as `ingest` takes them.

        Returns the number of versions written.
        """
        with self._database.transaction() as connection:
            chosen = get_set(connection, feature_set)
            return backfill(connection, chosen, data, features, event_time, timezone, progress)

    def repair(
        self,
        feature_set: str,
        source: history.Source | None = None,
        confirm: Callable[[Any], bool] | None = None,
        dated_after: datetime | None = None,
        why: str = "",
    ) -> history.Differences | erasure.ErasureResult:
        """How a set's live table and its history differ, because rows were written past the triggers; with `source` brings both together.

        source="live": what the live table holds becomes history's newest versions, rows that are gone get a tombstone. "history":
        the live table becomes what the newest versions say. `confirm` is asked first, where anything differs. Raises ChangeRefused.

        dated_after: instead removes the versions that are dated later, as a broken clock left them, from history, live table and copy. Without
        a `confirm` that agrees it tells how many these are, and changes nothing.
        """
        if dated_after is not None:
            return self._mended(feature_set, dated_after, why, confirm)
        with self._database.transaction() as connection:
            registered = get_set(connection, feature_set)
            differing = history.differences(connection, registered)
        if source is None or (differing and confirm is not None and not confirm(differing)):
            return differing
        return self._database.changing(lambda connection: history.repair(connection, registered, source))

    def erase(
        self,
        feature_set: str,
        keys: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        why: str,
        dry_run: bool = False,
    ) -> erasure.ErasureResult:
        """Takes entities out of everything that fsdb holds of a set: live table, history, copy, predictions, queues, saved training sets.

        One transaction for what is in PostgreSQL, with a record in fsdb.erasures and fsdb.audit; then the copy's files are written anew. Where
        that fails, nobody reads the copy until `resume_erasures` or the next `sync` has done it. why stays with the record. dry_run: only
        counts. For fsdb's role and its admins.
        """
        rows = [keys] if isinstance(keys, Mapping) else list(keys)
        self._refuse_inside("An erasure writes files, too, and commits on its own")
        if not dry_run:
            self.resume_erasures([feature_set])
        done = self._database.changing(
            lambda connection: erasure.erase(connection, feature_set, rows, why, dry_run=dry_run)
        )
        return self._finished(done)

    def resume_erasures(self, feature_sets: Sequence[str] | None = None) -> list[str]:
        """Writes the copies anew that an erasure has still to reach, and returns their sets; what cannot be done is a warning."""
        self._refuse_inside("An erasure writes files, too, and commits on its own")
        with self._database.transaction() as connection:
            waiting = erasures.pending(connection)
        if not [name for name in waiting if feature_sets is None or name in feature_sets]:
            return []
        done, left = columnar.resume_erasures(self.url, feature_sets, warehouse=self._warehouse)
        for sentence in left:
            warnings.warn(sentence, PartlyErased, stacklevel=3)
        return done

    def _mended(
        self, feature_set: str, after: datetime, why: str, confirm: Callable[[Any], bool] | None
    ) -> erasure.ErasureResult:
        self._refuse_inside("This repair writes files, too, and commits on its own")
        found = self._database.changing(
            lambda connection: erasure.mend(connection, feature_set, after, why, dry_run=True)
        )
        if not found or confirm is None or not confirm(found):
            return found
        self.resume_erasures([feature_set])
        done = self._database.changing(lambda connection: erasure.mend(connection, feature_set, after, why))
        return self._finished(done)

    def _finished(self, done: erasure.ErasureResult) -> erasure.ErasureResult:
        if not done.pending:
            return done
        self.resume_erasures([done.feature_set])
        return replace(done, pending=False)

    def _refuse_inside(self, what: str) -> None:
        if self._database.in_transaction:
            raise ChangeRefused(f"{what}: call it outside transaction().")

    def feature_vector(self, features: str | Sequence[str], keys: Mapping[str, Any]) -> dict[str, Any]:
        """The features of one entity as of this moment, and `found`: whether every set has the entity."""
        with self._database.connection() as connection:
            return vectors.feature_vector(connection, features, keys)

    def feature_vectors(self, features: str | Sequence[str], keys: Sequence[Mapping[str, Any]]) -> pa.Table:
        """The features of many entities as of one moment, a row each in the given order, with a column `found`."""
        with self._database.connection() as connection:
            return vectors.feature_vectors(connection, features, keys)

    # The columnar copy

    def sync(
        self, feature_sets: Sequence[str] | None = None, progress: Callable[[str, int, int], None] | None = None
    ) -> columnar.SyncResult:
        """Brings the columnar copies of the named feature sets, else of all, up to date: what history has and they lack.

        It commits on its own, so it is refused inside `transaction()` (ChangeRefused). `progress` is called with a set's
        name, the versions written so far and about how many there are to write.
        """
        if self._database.in_transaction:
            raise ChangeRefused("A sync reads what is committed and commits on its own: call it outside transaction().")
        self._database.check_open()
        return columnar.sync(self.url, feature_sets, warehouse=self._warehouse, progress=progress)

    # Training sets

    def training_set(
        self,
        view: TrainingView | str | None = None,
        *,
        spine: Any = None,
        features: str | Sequence[str] = (),
        timestamp: str | None = None,
        label: str | None = None,
        engine: str = "auto",
        known: str | datetime | None = None,
        timezone: str | tzinfo | None = None,
        values: Literal["history", "current"] = "history",
    ) -> TrainingSet:
        """Each spine row with the features as they were at its own moment.

        Give a training view, or spine (an SQL query, a frame, or Parquet or CSV files by path), features, timestamp and label. Features alone make
        the entities' own history the spine: a row for each moment at which something changed, or with
        values="current" a row for each entity as it is now. `known`: None or "now" counts
        every version, "then" those recorded by each row's own timestamp, a moment those recorded by it, the name of a
        saved training set exactly those that it saw. Where values counted that were recorded only after their row's moment, a LateValues
        warning says how many; a NothingMatched warning tells of a set that has no version for any row. An explicit "now" warns of neither;
        `notice` of what is returned tells both, whatever was asked for.
        """
        with self._database.transaction() as connection:
            built = training.build(
                connection,
                view,
                spine=spine,
                features=features,
                timestamp=timestamp,
                label=label,
                engine=engine,
                known="now" if known is None else known,
                timezone=timezone,
                values=values,
                database=self._database,
            )
        if known != "now":
            if built.late_notice is not None:
                warnings.warn(built.late_notice, LateValues, stacklevel=3)  # the caller of the checked call
            for one in built.coverage:
                if one.rows and not one.matched:
                    warnings.warn(one.sentence or "", NothingMatched, stacklevel=3)
        return built

    def as_of(self, feature_set: str, moment: datetime) -> pa.Table:
        """The entities that a feature set had at a moment, a row each: keys, features and event_time.

        As `<set>_as_of(moment)` in SQL, but also for moments of which versions have left PostgreSQL for the columnar copy.
        """
        with self._database.transaction() as connection:
            return retention.as_of(connection, get_set(connection, feature_set), moment)

    def load_training_set(self, name: str) -> SavedTrainingSet:
        """A saved training set, to rebuild or verify."""
        with self._database.transaction() as connection:
            return training.load(connection, name, self._database)

    # The columnar copy

    def retain(self, feature_set: str | Sequence[str] | None = None) -> RetentionResult:
        """Removes from PostgreSQL what was superseded longer ago than a set's retention and is found in its columnar copy.

        Of one set, several, or all that have a retention, each in a transaction of its own. As-of reads, training sets,
        lineage and replay find what left in the copy, or do not need it. Raises RetentionRefused and CopyBroken.
        """
        chosen = [feature_set] if isinstance(feature_set, str) else feature_set
        with self._database.connection() as connection:
            return retention.retain(connection, chosen)

    # Models

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

    # Roles

    def grant(self, role: str, to: str | Sequence[str], on: str | Sequence[str] = ()) -> None:
        """Gives users or groups of the cluster a role: reader, writer, scorer, deployer or admin.

        on: for a writer the feature sets, for a scorer the deployments that it is limited to; for a deployer schemas in which to make model
        tables. What is made later gives its rights by itself. Raises RightMissing with the statement that an administrator must run.
        """
        with self._database.transaction() as connection:
            roles.grant(connection, role, _several(to), _several(on))

    def revoke(self, role: str, users: str | Sequence[str], on: str | Sequence[str] = ()) -> None:
        """Takes a role from users or groups. Rights that they were granted by hand stay. Raises ChangeRefused where they do not have it."""
        with self._database.transaction() as connection:
            roles.revoke(connection, role, _several(users), _several(on))

    def roles(self) -> Table:
        """Who has which role: role, called, user, on, how."""
        with self._database.transaction() as connection:
            return roles.listed(connection)

    def name_roles(self, prefix: str) -> None:
        """Calls the roles `prefix`reader, `prefix`writer and so on in this database from now on, such as "shop_"; "fsdb_" at first.

        They are made where that is allowed, and rights move to them; their members are yours to name anew.
        """
        with self._database.transaction() as connection:
            roles.rename(connection, prefix)

    def missing_roles(self) -> list[str]:
        """The statements that an administrator of the server must run so that all roles are there and fsdb may use them."""
        with self._database.transaction() as connection:
            return roles.missing(connection)

    # The catalog

    def search(self, text: str = "") -> Table:
        """Everything registered that holds the words of `text` in its name, description, tags or owner."""
        with self._database.transaction() as connection:
            return search(connection, text)

    def describe(self, name: str) -> Table:
        """A feature set with its columns, or a model with its versions."""
        with self._database.transaction() as connection:
            return describe(connection, name)

    def audit(
        self,
        object: str | None = None,
        operation: str | None = None,
        since: datetime | None = None,
        most: int = audit.MOST,
    ) -> Table:
        """What was done to definitions, models, deployments, copies and rights: who, when and to what, newest first.

        object: a feature set, model, deployment, training set or role by name. Needs SELECT on fsdb.audit.
        """
        with self._database.transaction() as connection:
            return audit.entries(connection, object, operation, since, most)

    def status(self) -> Status:
        """Server, catalog, and what is installed against what this fsdb would install."""
        with self._database.transaction() as connection:
            return read_status(connection)


def _tell_of_worker(deployed: deployments.RegisteredDeployment, wanted: str) -> None:
    """Warns where nobody asked for the runtime worker, and it is the one that the model got."""
    if wanted == "auto" and deployed.current.runtime == "worker":
        warnings.warn(
            f"Rows of {deployed.name} get their prediction from the process `fsdb worker`, which must run; none of the server's runtimes can "
            f"have the model. {deployed.current.reason}",
            NeedsWorker,
            stacklevel=4,  # the caller of deploy or attach, past what checks its arguments
        )


def _several(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _registered(connection: Connection[Any], feature_set: str | FeatureSet) -> RegisteredSet:
    return get_set(connection, feature_set if isinstance(feature_set, str) else feature_set.name)
