"""A database with something of everything that fsdb makes, owned by a role of its own that is no superuser, and a user in each role."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sklearn.linear_model import LogisticRegression

import fsdb
from tests.sessions.world import SETS, VIEW, build

ROLES = ("reader", "writer", "scorer", "deployer", "admin")


@dataclass(frozen=True)
class Ruled:
    """The database; `user` is in no role but the one that its name says, `nobody` in none."""

    superuser: str
    name: str
    prefix: str
    warehouse: Path

    def url(self, role: str) -> str:
        """As whom to connect: a role's user, "keeper" (who owns all), or "nobody"."""
        return make_conninfo(self.superuser, dbname=self.name, user=self.user(role))

    def user(self, role: str) -> str:
        return f"{self.prefix}{role}_user"

    def group(self, role: str) -> str:
        return f"{self.prefix}{role}"

    def store(self, role: str) -> fsdb.Store:
        return fsdb.connect(self.url(role), warehouse=str(self.warehouse))

    def connect(self, role: str) -> psycopg.Connection:
        return psycopg.connect(self.url(role), autocommit=True)

    def administrator(self) -> psycopg.Connection:
        return psycopg.connect(make_conninfo(self.superuser, dbname=self.name), autocommit=True)


@contextmanager
def ruled(server_url: str, folder: Path) -> Iterator[Ruled]:
    """A fresh database with its roles, made by an administrator from what `missing_roles` says, and everything built after they were granted."""
    prefix = f"T{uuid4().hex[:6]} x_"  # names that must be quoted
    made = Ruled(server_url, f"fsdb_test_{uuid4().hex[:12]}", prefix, folder)
    users = [made.user(role) for role in (*ROLES, "keeper", "nobody")]
    with psycopg.connect(server_url, autocommit=True) as admin:
        for user in users:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        names = {"database": sql.Identifier(made.name), "owner": sql.Identifier(made.user("keeper"))}
        admin.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
        try:
            with made.store("keeper") as store:
                store.name_roles(prefix)
                for statement in store.missing_roles():
                    admin.execute(statement)  # type: ignore[call-overload]
                assert store.missing_roles() == []
            _join(made)
            _build(made)
            yield made
        finally:
            admin.execute(sql.SQL("DROP DATABASE {database} WITH (FORCE)").format(**names))
            for name in [*users, *(made.group(role) for role in ROLES)]:
                admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
            shutil.rmtree(folder, ignore_errors=True)


def _join(made: Ruled) -> None:
    """An administrator puts the users into the roles by the commands, before there is anything."""
    with fsdb.connect(make_conninfo(made.superuser, dbname=made.name)) as store:
        for role in ROLES:
            store.grant(role, made.user(role))
    with made.store("keeper") as store:
        store.grant("deployer", made.group("deployer"), on="public")


def _build(made: Ruled) -> None:
    build(made.url("keeper"), made.warehouse)
    with made.connect("keeper") as connection:
        connection.execute("CREATE TABLE taken (id bigint PRIMARY KEY, amount double precision, secret text)")
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, amount double precision)")
    with made.store("keeper") as store:
        store.track("taken", features=["amount"])
        shop = fsdb.FeatureSet("shop.stock", keys={"item": sa.Text}, features=[fsdb.Feature("left", sa.Integer)])
        paid = fsdb.EventTable("paid", id="id", event_time="at", columns={"card": "bigint", "x": "double precision"})
        spent = fsdb.WindowSet(
            "spent", "paid", {"card": "card"}, [fsdb.Window("x", "sum", "1 day", where="x > 0::float8")]
        )
        store.apply([*SETS, VIEW, shop, paid, spent])
        given = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
        fitted = LogisticRegression().fit(given, given.amount > 3)
        store.register_model("plain", fitted, inputs={"amount": "double precision"}, rows=given)
        store.attach("plain", "orders")
        store.deploy("plain", table="waiting", runtime="worker")
        store.deployment("scores").canary(2, share=0.5)
        store.deploy("plain", table="beside", version=1)
        store.deployment("beside").shadow(2)
