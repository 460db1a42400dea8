"""The triggers of model tables that workers score: rows go into the queue, and results are filled in once."""

from collections.abc import Collection, Mapping
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier, Literal

from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments.objects import Generated
from fsdb.sql import joined, query

FILE = "deployments/queueing"
QUEUE_TRIGGER = "zz_fsdb_queue"
FILL_TRIGGER = "zz_fsdb_fill"
# What a worker fills in.
FILLED = ("prediction", "probability", "probabilities", "error", "predicted_at")


def waiting_rows(connection: Connection[Any]) -> dict[str, int]:
    """How many rows of each deployment that has had the runtime worker wait for their prediction."""
    return dict(connection.execute(query(FILE, "waiting")).fetchall())


def described(deployment: RegisteredDeployment, waiting: Mapping[str, int]) -> str:
    """What scores now, in which runtime, and how many rows wait, where a worker is needed: in a few words."""
    words = f"model {deployment.model} version {deployment.version}, runtime {deployment.current.runtime}"
    number = waiting.get(deployment.name)
    if number is None:
        return words
    return f"{words}, {number:,} {'row waits' if number == 1 else 'rows wait'} for fsdb worker"


def queue_triggers(deployment: RegisteredDeployment, columns: Collection[str]) -> list[Generated]:
    """The triggers that a deployment needs besides, none where workers have never scored for it: rows of an earlier
    release may wait still.

    columns: of the model table. Those of FILLED are then kept by these triggers; the deployment's own must let them pass.
    """
    numbers = [str(number) for number, release in sorted(deployment.releases.items()) if release.runtime == "worker"]
    if not numbers:
        return []
    number = Literal(str(deployment.deployment_id))
    releases = Literal(f"{{{','.join(numbers)}}}")
    filled = [name for name in FILLED if name in columns]
    queue = query(
        FILE,
        "queue_trigger",
        trigger=Identifier(QUEUE_TRIGGER),
        table=deployment.table,
        deployment=number,
        releases=releases,
    )
    fill = query(
        FILE,
        "fill_trigger",
        trigger=Identifier(FILL_TRIGGER),
        table=deployment.table,
        old=joined([Identifier("old", name) for name in filled]),
        new=joined([Identifier("new", name) for name in filled]),
        deployment=number,
    )
    return [
        Generated("trigger", QUEUE_TRIGGER, queue, "puts inserted rows into the queue of workers."),
        Generated("trigger", FILL_TRIGGER, fill, "lets a worker fill in a prediction, once."),
    ]
