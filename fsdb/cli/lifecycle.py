"""fsdb stage, canary, rollback, undeploy, costs: what becomes of a deployed model."""

from typing import Annotated

import typer

from fsdb.cli.output import JsonOption, YesOption, confirmed, note, show
from fsdb.cli.session import UrlOption, opened
from fsdb.deployments import Deployment
from fsdb.errors import InvalidDefinition
from fsdb.table import Table

TableArgument = Annotated[str, typer.Argument(help="Table of a deployed model.")]


def stage(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    version: Annotated[int | None, typer.Argument(help="Version. Without it, the stages are shown.")] = None,
    to: Annotated[str | None, typer.Argument(metavar="STAGE", help="none, staging, production or archived.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show the stages of a model's versions, or put a version into one; `deploy --version production` deploys the one in production."""
    with opened(url) as store:
        if version is not None:
            if to is None:
                raise InvalidDefinition(
                    f"Into which stage? Write fsdb stage {model} {version} production, for example."
                )
            store.set_stage(model, version, to)
        show(store.stages(model), as_json)


def canary(
    table: TableArgument,
    version: Annotated[str | None, typer.Option(help="Version or stage to try. Without it, the newest.")] = None,
    share: Annotated[float, typer.Option(help="Share of the keys that it scores, between 0 and 1.")] = 0.1,
    by: Annotated[list[str] | None, typer.Option(help="Column that makes up a key; repeat for several.")] = None,
    runtime: Annotated[str, typer.Option(help="Where it computes: sql, onnx, worker, or auto.")] = "auto",
    stop: Annotated[bool, typer.Option("--stop", help="Let the live version score every key again.")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Make the canary's version the live one.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let another version score a share of the keys, always the same ones. Promote or stop it."""
    if stop and promote:
        raise InvalidDefinition("A canary is either stopped or promoted: give one of --stop and --promote.")
    with opened(url) as store:
        deployed = store.deployment(table)
        if stop:
            deployed.stop_canary()
        elif promote:
            deployed.promote_canary()
        else:
            deployed.canary(version_of(version), share, by or (), runtime)
        _show(deployed, as_json)


def rollback(table: TableArgument, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Roll back to the version that was deployed before this one, in one transaction."""
    with opened(url) as store:
        _show(store.deployment(table).rollback(), as_json)


def undeploy(
    table: TableArgument,
    drop_predictions: Annotated[
        bool, typer.Option("--drop-predictions", help="Delete the predictions that the table holds.")
    ] = False,
    yes: YesOption = False,
    url: UrlOption = None,
) -> None:
    """Remove a deployment: its table, triggers and functions. What happened to it stays in fsdb.deployment_events."""
    with opened(url) as store:
        deployed = store.deployment(table)
        if drop_predictions:
            confirmed(f"Delete table {deployed.table} with its predictions?", yes)
        deployed.undeploy(drop_predictions=drop_predictions)
    note(f"Undeployed {table}.")


def costs(
    table: Annotated[str | None, typer.Argument(help="Table of a deployed model. Without it, all of them.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show rows, errors and time spent in scoring, by deployment and model version."""
    with opened(url) as store:
        show(store.costs(table), as_json, empty="No model is deployed.")


def version_of(given: str | None) -> int | str | None:
    """A version's number, or a stage's name."""
    return int(given) if given is not None and given.isdigit() else given


def _show(deployed: Deployment, as_json: bool) -> None:
    columns = ("table", "model", "version", "runtime", "canary", "share")
    canary = deployed.canary_version
    row = (deployed.table, deployed.model, deployed.version, deployed.runtime, *(canary or (None, None)))
    show(Table.of(columns, (row,), title="Deployed"), as_json)
