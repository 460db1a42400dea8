"""How a database stands: server, catalog, for each set, view and deployment whether everything is installed, and how schedules go."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from psycopg import Connection
from rich.console import Group
from rich.text import Text

from fsdb import history
from fsdb.access import foreign_code
from fsdb.catalog.deployments import list_deployments
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.schedules import standing
from fsdb.catalog.training import list_views
from fsdb.catalog.window_sets import list_window_sets
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.status import ObjectStatus
from fsdb.migrate import revisions
from fsdb.sizes import read_sizes
from fsdb.sql import query
from fsdb.table import Table
from fsdb.windows import windows_status


@dataclass(frozen=True)
class Part:
    """A feature set, training view, deployment or schedule with the objects that it needs in the database.

    rows and versions: of the live or model table, and of history. estimated: which of the two the planner estimates, as in large tables.
    """

    kind: str
    name: str
    rows: int | None
    versions: int | None
    note: str
    objects: tuple[ObjectStatus, ...]
    estimated: tuple[str, ...] = ()

    @property
    def installed(self) -> str:
        """How many of the objects are in which state."""
        counts = Counter(found.state for found in self.objects)
        return ", ".join(f"{count} {state}" for state, count in counts.items())


@dataclass(frozen=True)
class Status:
    """What `fsdb status` shows."""

    server_version: str
    database: str
    catalog_revision: str
    head_revision: str
    parts: tuple[Part, ...]

    @property
    def objects(self) -> tuple[ObjectStatus, ...]:
        """Every object that fsdb generated or should have."""
        return tuple(found for part in self.parts for found in part.objects)

    @property
    def table(self) -> Table:
        """One row a part; estimates are marked with ~."""
        rows = [(p.kind, p.name, *_marked(p), p.note, p.installed) for p in self.parts]
        return Table.of(("kind", "name", "rows", "versions", "note", "objects"), rows)

    @property
    def headline(self) -> str:
        """Server and catalog in one sentence."""
        newer = f"a newer fsdb added to it; this one knows {self.head_revision}"
        current = "current" if self.catalog_revision == self.head_revision else newer
        return f"PostgreSQL {self.server_version}, database {self.database}, catalog at {self.catalog_revision} ({current})."

    def __rich__(self) -> Group:
        return Group(Text(self.headline), self.table.__rich__() if self.parts else Text("Nothing is registered yet."))

    def __repr__(self) -> str:
        return f"{self.headline}\n{self.table!r}" if self.parts else f"{self.headline} Nothing is registered yet."

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.headline)}</p>{self.table._repr_html_()}"

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can carry it."""
        return {
            "server_version": self.server_version,
            "database": self.database,
            "catalog_revision": self.catalog_revision,
            "head_revision": self.head_revision,
            "parts": [
                row
                | {
                    "objects": [{"kind": o.kind, "name": o.name, "state": o.state} for o in part.objects],
                    "problems": [str(problem) for o in part.objects for problem in o.problems],
                    "estimated": list(part.estimated),
                }
                for row, part in zip(self.table.to_dicts(), self.parts, strict=True)
            ],
        }


class Estimate(int):
    """A number that the planner estimates: shown with ~, and a number to machines."""

    def __str__(self) -> str:
        return f"~{int(self)}"


def _marked(part: Part) -> list[int | None]:
    """Rows and versions of a part, estimates as such."""
    counts = {"rows": part.rows, "versions": part.versions}
    return [
        Estimate(count) if count is not None and name in part.estimated else count for name, count in counts.items()
    ]


def read_status(connection: Connection[Any]) -> Status:
    """The status as the connection's transaction sees it."""
    row = connection.execute(query("status/status", "server")).fetchone()
    assert row is not None
    version, database, revision = row
    parts = (
        *_sets(connection),
        *_windows(connection),
        *_views(connection),
        *_deployments(connection),
        *_schedules(connection),
    )
    return Status(version, database, revision, revisions.head_revision(), parts)


def _sets(connection: Connection[Any]) -> Sequence[Part]:
    sound = history.sound(connection)
    names = [name for (name,) in connection.execute(query("status/status", "sets"))]
    closely = list_sets(connection, [name for name in names if name not in sound])
    strangers = foreign_code.among_strangers(connection)
    tables = {name: sound.get(name) or closely[name] for name in names if name in sound or name in closely}
    wanted = [(one.live_schema, one.live_table) for one in tables.values()]
    past_ones = [(HISTORY_SCHEMA, one.history_table) for one in tables.values()]
    followed = {(one.live_schema, one.live_table) for one in tables.values() if one.tracked}
    sizes = read_sizes(connection, [*wanted, *past_ones], strangers, followed)
    found = []
    for name, one in tables.items():
        objects = one.objects if isinstance(one, history.Sound) else tuple(history.status(connection, one))
        notes = ["tracked"] if one.tracked else []
        notes += [problem.said for o in objects for problem in o.problems]
        live, past = sizes[one.live_schema, one.live_table], sizes[HISTORY_SCHEMA, one.history_table]
        if one.tracked and not live.readable:
            notes.append(f"rows are not counted without SELECT on {one.live_schema}.{one.live_table}")
        estimated = tuple(kind for kind, size in {"rows": live, "versions": past}.items() if size.estimated)
        found.append(Part("feature set", name, live.rows, past.rows, "; ".join(notes), objects, estimated))
    return found


def _windows(connection: Connection[Any]) -> Sequence[Part]:
    """Window sets: of each what it reads, and how its objects stand."""
    found = []
    for name, one in list_window_sets(connection).items():
        assert one.windows is not None
        events = one.windows.events.name
        found.append(Part("window set", name, None, None, f"of {events}", tuple(windows_status(connection, one))))
    return found


def _views(connection: Connection[Any]) -> Sequence[Part]:
    views = list_views(connection)
    if not views:
        return []
    from fsdb import training  # with Arrow and the engines, which a database without views need not wait for

    states = {view.name: tuple(training.view_status(connection, view.name)) for view in views}
    return [
        Part("training view", name, None, None, "" if objects else "too wide for SQL", objects)
        for name, objects in states.items()
    ]


def _schedules(connection: Connection[Any]) -> Sequence[Part]:
    return [Part("schedule", name, None, None, said, ()) for name, said in standing(connection).items()]


def _deployments(connection: Connection[Any]) -> Sequence[Part]:
    deployed_ones = list_deployments(connection)
    if not deployed_ones:
        return []
    from fsdb import deployments  # with everything that compiles models

    waiting = deployments.waiting_rows(connection)
    strangers = foreign_code.among_strangers(connection)
    unfit = foreign_code.unfit_sources(connection)
    sizes = read_sizes(connection, [(one.schema_name, one.table_name) for one in deployed_ones], strangers)
    found = []
    for deployed in deployed_ones:
        size = sizes[deployed.schema_name, deployed.table_name]
        note = deployments.described(deployed, waiting)
        if deployed.name in unfit:
            note += f"; its attached table is not fit, rows there are not scored again: {unfit[deployed.name]}"
        objects = tuple(deployments.status(connection, deployed.name))
        estimated = ("rows",) if size.estimated else ()
        found.append(Part("deployment", deployed.name, size.rows, None, note, objects, estimated))
    return found
