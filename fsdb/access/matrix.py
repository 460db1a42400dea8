"""The table of rights: what each role may do with each kind of object. Grants, the matrix of docs/security.md and its tests come from here.

A new table or function of fsdb's gets a row here. Rights of PUBLIC, too, are those that stand here and no others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

ROLES = ("reader", "writer", "scorer", "deployer")  # admin: a member of fsdb's own role, which owns everything
PUBLIC = "public"


@dataclass(frozen=True)
class Row:
    """An object, or a kind of object of which there are many, with the rights of each role: words as in GRANT, separated by semicolons.

    name: "fsdb.models" and "fsdb.reach()" are one object, "history table" is one a set.
    """

    name: str
    reader: str = ""
    writer: str = ""
    scorer: str = ""
    deployer: str = ""
    public: str = ""

    def rights(self, role: str) -> frozenset[str]:
        """The rights of one role, or of PUBLIC."""
        return frozenset(right for right in getattr(self, role).split("; ") if right)


def _read(names: str, *roles: str) -> list[Row]:
    return [Row(name, **dict.fromkeys(roles, "SELECT")) for name in names.split()]


def _called(names: str) -> list[Row]:
    """Functions that run with the caller's rights, or tell what everybody may know."""
    return [Row(f"fsdb.{name}()", public="EXECUTE") for name in names.split()]


def _owners(names: str) -> list[Row]:
    """What fsdb's own role alone uses."""
    return [Row(name) for name in names.split()]


RUN_COLUMNS = "run_id, schedule, job, since, until, outcome, rows, changed, attempt, next_try, started_at, duration, by"
_USED = {"reader": "USAGE", "deployer": "USAGE"}
_NEW_DEPLOYMENT = "SELECT; INSERT; UPDATE; DELETE"

_SCHEMAS = [
    Row("schema fsdb", writer="USAGE", scorer="USAGE", **_USED),
    Row("schema fsdb_history", writer="USAGE", **_USED),
    Row("schema fsdb_training", reader="USAGE", deployer="USAGE; CREATE"),
    Row("schema fsdb_models", reader="USAGE", scorer="USAGE", deployer="USAGE; CREATE"),
    Row("schema fsdb_iceberg", **_USED),
    Row("schema of an application", writer="USAGE", scorer="USAGE", **_USED),
]

_CATALOG = [
    *_read(
        "fsdb.catalog_version fsdb.catalog_migrations fsdb.catalog_generation fsdb.server fsdb.server_mark fsdb.roles",
        *ROLES,
    ),
    *_read("fsdb.feature_sets fsdb.feature_set_keys fsdb.features fsdb.live_columns fsdb.generated_objects", *ROLES),
    *_read("fsdb.window_sets fsdb.window_keys fsdb.windows", *ROLES),
    *_read("fsdb.training_views fsdb.training_view_features", "reader", "deployer"),
    *_read("fsdb.expressions fsdb.expression_inputs", *ROLES),  # features, as those of sets
    *_read("fsdb.training_view_expressions", "reader", "deployer"),
    *_read("fsdb.copies fsdb.removals fsdb.warehouses", "reader", "writer", "deployer"),
    *_read("fsdb.erasure_files", "reader", "writer", "deployer"),
    *_read("fsdb.erasures fsdb.erased_predictions", "reader", "scorer", "deployer"),
    *_read("fsdb.erased_training_sets", "reader", "deployer"),
    *_owners("fsdb.erased_versions fsdb.erasures_erasure_id_seq fsdb.refuse_erasure_change()"),
    *_read("fsdb.query_log fsdb.query_log_engines fsdb.calibrations fsdb.grants", "reader", "deployer"),
    *_read("fsdb.model_stages fsdb.scoring_backlog", "reader", "scorer", "deployer"),
    *[
        Row(f"fsdb.{name}", reader="SELECT", deployer="SELECT; INSERT")
        for name in ("training_set_columns", "training_set_snapshots")
    ],
    Row("fsdb.training_sets", reader="SELECT", deployer="SELECT; INSERT; DELETE"),
    *[
        Row(f"fsdb.{name}", reader="SELECT", scorer="SELECT", deployer="SELECT; INSERT")
        for name in ("model_versions", "model_inputs", "model_programs")
    ],
    Row("fsdb.models", reader="SELECT", scorer="SELECT", deployer="SELECT; INSERT; UPDATE"),
    Row("fsdb.model_metrics", reader="SELECT", scorer="SELECT", deployer="SELECT; INSERT"),
    Row("fsdb.model_checks", reader="SELECT (model, version, position, refused)", deployer="SELECT; INSERT"),
    Row("fsdb.model_graphs", reader="SELECT", scorer="SELECT", deployer="SELECT; INSERT; DELETE"),
    # Columns that say who it was are filled in by the database.
    Row("fsdb.stage_events", reader="SELECT", scorer="SELECT", deployer="SELECT; INSERT (model, version, stage)"),
    Row(
        "fsdb.parity_reports",
        reader="SELECT",
        deployer="SELECT; INSERT (model, version, runtime, deployment, rows_checked, rows_refused, largest_difference, tolerance)",
    ),
    Row("fsdb.deployment_events", reader="SELECT", deployer="SELECT; INSERT (deployment, action, model, version)"),
    *[
        Row(f"fsdb.{name}", reader="SELECT", scorer="SELECT", deployer=_NEW_DEPLOYMENT)
        for name in (
            "deployments",
            "deployment_releases",
            "deployment_sets",
            "deployment_inputs",
            "deployment_feeds",
        )
    ],
    *_owners("fsdb.scoring_queue fsdb.scoring_dead_letters fsdb.warehouse_claims fsdb.copy_leftovers"),
    *_read("fsdb.schedules", "reader", "writer", "deployer"),
    # What the database says of an error may quote rows.
    Row("fsdb.runs", **dict.fromkeys(("reader", "writer", "deployer"), f"SELECT ({RUN_COLUMNS})")),
    *_owners("fsdb.runs_run_id_seq fsdb.take_rows() fsdb.fill_slot() fsdb.run_slot() fsdb.run_due()"),
    *_owners("fsdb.audit fsdb.audit_audit_id_seq fsdb.turns fsdb.reading fsdb.written_ahead"),
    *_read("fsdb_iceberg.iceberg_tables fsdb_iceberg.iceberg_namespace_properties", "reader", "deployer"),
    # What numbers rows of the catalog does so by itself.
    *_owners("fsdb.deployment_events_event_id_seq fsdb.deployments_deployment_id_seq fsdb.features_feature_id_seq"),
    *_owners("fsdb.parity_reports_report_id_seq fsdb.query_log_query_id_seq fsdb.removals_removal_id_seq"),
    *_owners("fsdb.stage_events_event_id_seq fsdb.warehouses_warehouse_number_seq fsdb.project_version"),
]

_FUNCTIONS = [
    *_called("key_share owns refusal_told within_reach reach last_number last_version tree_masks warm_up"),
    *_called("policy_of_history all_versions sees_all_versions"),
    *_called("take_turn hold_reading"),  # for who may change something, and for who may read definitions
    # What PostgreSQL's own catalogs tell everybody.
    *_called("acts_as called_functions foreign_code harmless made_types own_code plain_types plainly_own"),
    *_called(
        "exact exact_far nearest nearest_far quotient quotient_far refuse_sum refuse_feature window_bound"
    ),  # arithmetic
    *_called("record_operation"),  # under the caller's own name, and only for who may change something
    *_called("rejections deployment_costs model_comparison prediction_lineage window_events"),
    # Triggers that a deployer puts on tables of his own.
    Row("fsdb.refuse_prediction_change()", deployer="EXECUTE"),
    # A worker writes as fsdb's role, so it must have no rows of tables that deployers own.
    *_owners("fsdb.refuse_forged_prediction() fsdb.enqueue_scoring()"),
    *_owners("fsdb.policies_bind()"),
    *_owners("fsdb.kept_exactly() fsdb.new_generation() fsdb.next_catalog_generation()"),
    *_owners("fsdb.refuse_graph_removal() fsdb.refuse_model_change() fsdb.refuse_reach_back()"),
    *_owners("fsdb.guard_audit() fsdb.acting_role() fsdb.append_audit() fsdb.record_copy() fsdb.record_row()"),
    *_owners("fsdb.refuse_removal_change() fsdb.refuse_others_deployment() fsdb.refuse_others_training_set()"),
]

_SETS = [
    Row("live table", reader="SELECT", writer="SELECT; INSERT; UPDATE; DELETE", deployer="SELECT"),
    Row("tracked table"),  # it is its application's, with columns that fsdb knows nothing of
    Row("history table", reader="SELECT", writer="SELECT", deployer="SELECT"),
    Row("history view", reader="SELECT", writer="SELECT", deployer="SELECT"),
    Row("counter of versions", public="SELECT"),
    Row("as-of function", public="EXECUTE"),
    Row("trigger function of history"),
    Row("function :write of history", writer="EXECUTE"),
    Row("function :hold of history", public="EXECUTE"),
    Row("function :seen of history", public="EXECUTE"),  # as whoever asks, who may see no more by it
    Row("function :remove of history"),
    Row("function :erase of history"),
    Row("training view", reader="SELECT", deployer="SELECT"),
    Row("vector function", public="EXECUTE"),
    Row("saved spine", reader="SELECT", deployer="SELECT"),
]

_DEPLOYMENTS = [
    Row("model table", reader="SELECT", scorer="SELECT; INSERT", deployer="SELECT"),
    Row("attached table"),  # its application's, too
    Row("view of an attached table", reader="SELECT", scorer="SELECT", deployer="SELECT"),
    Row("counter of predictions"),
    Row("counter of rejected rows", public="SELECT"),
    Row("scoring function", public="EXECUTE"),
    Row("trigger function of a deployment"),
]

ROWS = (*_SCHEMAS, *_CATALOG, *_FUNCTIONS, *_SETS, *_DEPLOYMENTS)


@cache
def by_name() -> Mapping[str, Row]:
    """The rows by their names."""
    return {row.name: row for row in ROWS}
