"""Models as tables: the registry, and deployments with their parity gate, lineage, replay and rollback."""

from fsdb.catalog.deployments import (
    RegisteredDeployment,
    get_deployment,
    list_deployments,
    lock,
)
from fsdb.catalog.deployments import using_feature as deployments_using
from fsdb.catalog.models import ModelInput, ModelVersion
from fsdb.deployments.canary import promote_canary, start_canary, stop_canary
from fsdb.deployments.card import ModelCard, describe_model
from fsdb.deployments.deployments import deploy, refresh, refresh_locks, repair, rollback, status, undeploy
from fsdb.deployments.feeds.attach import attach
from fsdb.deployments.feeds.shadow import promote_shadow, shadow, stop_shadow
from fsdb.deployments.handle import Deployment
from fsdb.deployments.lineage import lineage
from fsdb.deployments.measures import compare, costs
from fsdb.deployments.queueing import described, waiting_rows
from fsdb.deployments.registry import register_model
from fsdb.deployments.replay import Replay, replay
from fsdb.deployments.stages import set_stage, stages
from fsdb.history.status import ObjectStatus

__all__ = [
    "Deployment",
    "ModelCard",
    "ModelInput",
    "ModelVersion",
    "ObjectStatus",
    "RegisteredDeployment",
    "Replay",
    "attach",
    "compare",
    "costs",
    "deploy",
    "deployments_using",
    "describe_model",
    "described",
    "get_deployment",
    "lineage",
    "list_deployments",
    "lock",
    "promote_canary",
    "promote_shadow",
    "refresh",
    "refresh_locks",
    "register_model",
    "repair",
    "replay",
    "rollback",
    "set_stage",
    "shadow",
    "stages",
    "start_canary",
    "status",
    "stop_canary",
    "stop_shadow",
    "undeploy",
    "waiting_rows",
]
