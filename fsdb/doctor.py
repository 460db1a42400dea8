"""Checks of a database: is the server fit, the catalog current, everything installed, and each live table its history as of now?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import Connection

from fsdb import history
from fsdb.access import foreign_code, giving, roles
from fsdb.catalog import sequences
from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.columnar.health import copy_problems
from fsdb.config import MINIMUM_SERVER
from fsdb.errors import FsdbError
from fsdb.jobs.health import problems as schedule_problems
from fsdb.migrate import revisions
from fsdb.search_path import of_user
from fsdb.sql import query
from fsdb.status import read_status
from fsdb.table import Table

State = Literal["good", "advice", "wrong"]
UNREADABLE = frozenset(
    {"missing", "renamed", "standing", "column"}
)  # problems with which a live table cannot be compared


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do where that is not good. `advice` costs speed, `wrong` is wrong."""

    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All checks, in order."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not any(check.state == "wrong" for check in self.checks)

    @property
    def table(self) -> Table:
        """One row a check."""
        rows = [(check.name, check.state, check.found, check.advice) for check in self.checks]
        return Table.of(("check", "state", "found", "what_to_do"), rows, title="Doctor")

    def __rich__(self) -> Any:
        return self.table.__rich__()

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def diagnose(connection: Connection[Any]) -> Diagnosis:
    """Runs every check on the connection's transaction. Reads each live table and its history once.

    A check that fails is itself found wrong; the others still run.
    """
    checks: list[Check] = []
    for name, part in PARTS.items():
        checks += _checked(connection, name, part(connection))
    return Diagnosis(tuple(checks))


def _checked(connection: Connection[Any], name: str, checks: Iterator[Check]) -> list[Check]:
    """What checks find; where they cannot be made, that."""
    try:
        with connection.transaction():
            return list(checks)
    except FsdbError as error:
        found, _, advice = str(error).partition(": ")
        return [Check(name, "wrong", found, advice)]
    except psycopg.errors.InsufficientPrivilege as error:
        said = str(error.diag.message_primary)
        return [Check(name, "wrong", f"cannot be checked: {said}", "Run the doctor as the owner of fsdb's tables.")]
    except psycopg.Error as error:
        if connection.closed:
            raise
        said = str(error.diag.message_primary or error)
        return [Check(name, "wrong", f"cannot be checked: {said}", "Mend what the server says, then run it again.")]


def _server(connection: Connection[Any]) -> Iterator[Check]:
    with of_user(connection):
        row = connection.execute(query("doctor/checks", "settings")).fetchone()
    assert row is not None
    version, number, jit, isolation, schema, user = row
    fit = number >= MINIMUM_SERVER
    yield Check(
        "server", "good" if fit else "wrong", f"PostgreSQL {version}", "" if fit else "Upgrade it to 15 or newer."
    )
    yield Check(
        "jit",
        "good" if jit == "off" else "advice",
        jit,
        "" if jit == "off" else "ALTER DATABASE … SET jit = off: compiling costs more than it gives for single rows.",
    )
    usual = isolation == "read committed"
    yield Check(
        "default isolation",
        "good" if usual else "advice",
        isolation,
        ""
        if usual
        else "Applications that write live tables do best at read committed: others must repeat transactions.",
    )
    among = schema in foreign_code.SCHEMAS  # a schema that bears the user's name comes before public
    yield Check(
        "new tables",
        "wrong" if among else "good",
        f"go into schema {schema}" if schema else "need the name of a schema",
        f"That one is fsdb's own: use another user than {user}, or ALTER ROLE {user} SET search_path = public."
        if among
        else "",
    )


def _catalog(connection: Connection[Any]) -> Iterator[Check]:
    row = connection.execute(query("migrate/catalog", "revision")).fetchone()
    current = None if row is None else row[0]
    try:
        revisions.check(connection)
    except FsdbError as error:
        yield Check("catalog", "wrong", f"revision {current}", str(error))
        return
    newer = current != revisions.head_revision()
    advice = (
        "A newer fsdb added to the catalog, and this one works beside it: install the newer one to use what it added."
    )
    yield Check("catalog", "advice" if newer else "good", f"revision {current}", advice if newer else "")


def _objects(connection: Connection[Any]) -> Iterator[Check]:
    for part in read_status(connection).parts:
        if part.kind == "schedule":  # of which there are no objects
            continue
        wrong = [found for found in part.objects if found.state != "installed"]
        problems = [problem for found in wrong for problem in found.problems]
        if any(found.state == "foreign" for found in wrong):
            advice = "Rename the objects that are not fsdb's, then run fsdb upgrade."
        elif problems:
            advice = " ".join(_sentence(problem.advice) for problem in problems)
        elif any(found.kind == "table" for found in wrong):
            advice = "Restore the tables from a backup."
        else:
            advice = "Run fsdb upgrade, which installs them again."
        said = [problem.said for problem in problems]
        gone = any(problem.kind == "missing" for problem in problems)  # and its triggers with it
        said += [
            f"{found.kind} {found.name} {found.state}"
            for found in wrong
            if not found.problems and not (gone and found.kind == "trigger")
        ]
        yield Check(
            f"objects of {part.kind} {part.name}",
            "wrong" if wrong else "good",
            "; ".join(said) or part.installed,
            advice if wrong else "",
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _live(connection: Connection[Any]) -> Iterator[Check]:
    for name, registered in list_sets(connection).items():
        states = history.status(connection, registered)
        if any(problem.kind in UNREADABLE for o in states for problem in o.problems) or any(
            o.kind == "table" and o.state in ("missing", "foreign") for o in states
        ):
            continue  # the check of its objects tells
        title = f"live = history of {name}"
        yield from _checked(connection, title, _compared(connection, registered, title))


def _compared(connection: Connection[Any], registered: RegisteredSet, title: str) -> Iterator[Check]:
    differing = history.count_differences(connection, registered)
    if not differing:
        yield Check(title, "good", "the same")
        return
    advice = (
        f"Rows were written past the triggers. fsdb repair {registered.name} shows them and brings both together: "
        "--from live takes what the table holds into history, --from history puts the table back."
    )
    yield Check(title, "wrong", f"{differing.total} rows differ", advice)


def _sequences(connection: Connection[Any]) -> Iterator[Check]:
    found = sequences.behind(connection)
    advice = "Run fsdb upgrade, which moves the sequences past the rows: a restore or replication brought rows without moving them."
    said = "; ".join(map(str, found)) or "past what their tables have"
    yield Check("sequences", "wrong" if found else "good", said, advice if found else "")


def _left(connection: Connection[Any]) -> Iterator[Check]:
    for name, registered in list_sets(connection).items():
        if registered.reach is None:
            continue
        from fsdb.columnar import read_copy  # loads Iceberg's library

        row = connection.execute(query("doctor/checks", "versions_left"), {"name": name}).fetchone()
        left = row[0] if row else 0
        try:
            copy = read_copy(connection, name)
        except FsdbError as error:
            held, problem = 0, str(error)
        else:
            held, problem = (0, "there is no copy") if copy is None else (copy.rows, "")
        lost = left > held
        yield Check(
            f"versions of {name} that left",
            "wrong" if lost else "good",
            problem or f"{left:,} before {registered.reach}; {held:,} in the copy",
            f"Restore the files of its columnar copy from a backup: its versions before {registered.reach} are there alone."
            if lost
            else "",
        )


def _backlog(connection: Connection[Any]) -> Iterator[Check]:
    """Rows that wait for a worker; nothing where no deployment has that runtime."""
    for name, waiting, late, dead in connection.execute(query("doctor/checks", "backlog")).fetchall():
        advice = ""
        if dead:
            advice = f"fsdb.scoring_dead_letters says why; then run fsdb worker --retry-dead {name}."
        elif late:
            advice = "Run fsdb worker, or another one beside it."
        yield Check(
            f"rows of {name} for a worker",
            "wrong" if dead or late else "good",
            f"{waiting} wait, {dead} are dead",
            advice,
        )


def _schedules(connection: Connection[Any]) -> Iterator[Check]:
    """Schedules; nothing where there are none."""
    count, found = schedule_problems(connection)
    for problem in found:
        state: State = "wrong" if problem.wrong else "advice"
        yield Check(f"schedule {problem.schedule}", state, problem.found, problem.advice)
    if count and not found:
        yield Check("schedules", "good", "run at their times")


def _copies(connection: Connection[Any]) -> Iterator[Check]:
    found = copy_problems(connection)
    for problem in found:
        what, _, advice = problem.sentence.rpartition(": ")
        yield Check(f"copy of {problem.feature_set}", "wrong" if problem.wrong else "advice", what, advice)
    if not found:
        yield Check("columnar copies", "good", "as they should be")


def _rights(connection: Connection[Any]) -> Iterator[Check]:
    for name, texts, advice in (
        (
            "functions",
            ("doctor/checks", "unpinned_functions"),
            "ALTER FUNCTION … SET search_path = pg_catalog, pg_temp.",
        ),
        ("schemas", ("doctor/checks", "open_schemas"), "REVOKE CREATE ON SCHEMA … FROM the roles that have it."),
        (
            "owners",
            ("doctor/checks", "foreign_owners"),
            "Give history tables and their trigger functions to one owner: ALTER TABLE … OWNER TO.",
        ),
        (
            "what is in fsdb's schemas",
            (foreign_code.FILE, "strange_owners"),
            "Look at what these roles made there, then drop it, or give it to the catalog's owner: ALTER … OWNER TO.",
        ),
        (
            "code of others",
            (foreign_code.FILE, "hooked"),
            "Drop what is not fsdb's, or give it to the table's owner; REVOKE TRIGGER ON … FROM the roles that have it.",
        ),
        (
            "attached tables",
            (foreign_code.FILE, "unfit_sources"),
            "Drop that code, or give it to the deployment's owner: rows of the table are not scored again while it is there.",
        ),
    ):
        found = [": ".join(row) for row in connection.execute(query(*texts), {"schemas": foreign_code.SCHEMAS})]
        yield Check(
            f"rights: {name}",
            "wrong" if found else "good",
            ", ".join(found) or "as they should be",
            advice if found else "",
        )


def _roles(connection: Connection[Any]) -> Iterator[Check]:
    """Whether each role has the rights that the table of rights gives it, and no others."""
    found, who = giving.objects(connection), giving.holders(connection)
    groups = [holder for holder in who if holder.name in {named.rolname for named in roles.names(connection).values()}]
    for state, text, lines, advice in (
        (
            "wrong",
            "lacks",
            giving.missing(found, who),
            "fsdb upgrade gives what is missing; others' objects only their owner.",
        ),
        ("advice", "has", giving.beyond(found, groups), "Granted by hand: REVOKE it where it is not meant."),
    ):
        said = [f"{holder.name} {text} {right} on {kind} {one.signature}" for right, kind, holder, one in lines]
        if said:
            more = f" and {len(said) - 10} more" if len(said) > 10 else ""
            yield Check("rights: roles", state, "; ".join(said[:10]) + more, advice)  # type: ignore[arg-type]
            return
    yield Check("rights: roles", "good", "as they should be")


def _policies(connection: Connection[Any]) -> Iterator[Check]:
    found = connection.execute(query("doctor/checks", "feature_policies")).fetchall()
    for name, policy, column in found:
        yield Check(
            f"policies on history of {name}",
            "advice",
            f"{policy} reads {column}, which is not a key",
            "Write it on keys alone: an as-of read skips the versions that a policy hides, and shows an older one as if it held.",
        )
    if not found:
        yield Check("policies on history", "good", "read keys alone")


def _models(connection: Connection[Any]) -> Iterator[Check]:
    """Whether the models that onnxruntime scores in the server can be loaded there."""
    try:
        with connection.transaction():
            row = connection.execute(query("doctor/checks", "load_models")).fetchone()
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
        return  # what the check of the catalog tells
    except psycopg.errors.InsufficientPrivilege:
        raise  # named by who holds the connection
    except psycopg.Error as error:
        if connection.closed:
            raise
        found = str(error.diag.message_primary or error)
        advice = "Give the server's Python numpy and onnxruntime again, or deploy with runtime='sql' or 'worker'."
        yield Check("models of runtime onnx", "wrong", found, advice)
    else:
        if row is not None and row[0]:
            yield Check("models of runtime onnx", "good", f"{row[0]} loaded")


PARTS: dict[str, Callable[[Connection[Any]], Iterator[Check]]] = {
    "server": _server,
    "catalog": _catalog,
    "objects": _objects,
    "live = history": _live,
    "sequences": _sequences,
    "versions that left": _left,
    "columnar copies": _copies,
    "models of runtime onnx": _models,
    "rows for a worker": _backlog,
    "schedules": _schedules,
    "rights": _rights,
    "rights: roles": _roles,
    "policies on history": _policies,
}
