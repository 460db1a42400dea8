"""Definitions made true in a database: planned, agreed to and performed, in as many transactions as it takes."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from fsdb.access.deploying import as_deployer
from fsdb.db import Database
from fsdb.migrate.diff import Definition
from fsdb.migrate.plan import Plan, apply, most_drops, plan


def apply_definitions(
    database: Database,
    definitions: Sequence[Definition],
    prune: bool = False,
    allow_destructive: bool = False,
    confirm: Callable[[Plan], bool] | None = None,
) -> Plan:
    """Makes the database as defined and returns what was changed: in one transaction, or inside the one that is open.

    More dropped sets than the server's lock table holds go last, in transactions of their own; inside an open transaction all are
    dropped there. `confirm` is asked once a plan, also where a transaction is begun again. Raises ChangeRefused.
    """
    answers: dict[str, bool] = {}
    within = database.in_transaction

    def agreed(made: Plan) -> bool:
        if allow_destructive or not made.destructive or confirm is None:
            return allow_destructive
        if str(made) not in answers:
            answers[str(made)] = bool(confirm(made))
        return answers[str(made)]

    def first(connection: Connection[Any]) -> tuple[Plan, bool, bool]:
        made = plan(connection, definitions, prune)
        may = agreed(made)
        return made, may, apply(connection, made, may, most_drops=None if within else most_drops(connection))

    def rest(connection: Connection[Any]) -> bool:
        return apply(connection, plan(connection, definitions, prune), may, most_drops=most_drops(connection))

    made, may, done = database.changing(as_deployer(first))
    while not done:
        done = database.changing(as_deployer(rest))
    return made
