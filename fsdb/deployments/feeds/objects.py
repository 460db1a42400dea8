"""Compiles a feed to the functions and triggers that make records out of the rows of its source."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.feeds import Feed
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments.binding import table_columns
from fsdb.deployments.objects import Generated
from fsdb.deployments.scoring import set_read
from fsdb.engines.postgres.lookup import newest
from fsdb.errors import ChangeRefused
from fsdb.sql import joined, query

FILE = "deployments/feeds"
KEEP_LINKS = "zz_fsdb_links"
# In the order in which a view, or the source, shows them.
SHOWN = ("prediction_id", "prediction", "probability", "probabilities", "model_version")
VIEWED = (*SHOWN, "scored_at", "error")
_LOOKED_UP = (
    ("inserted", "after_insert", "changed_insert", "new_rows"),
    ("updated", "after_update", "changed_update", "new_rows"),
    ("deleted", "after_delete", "changed_delete", "old_rows"),
    ("truncated", "before_truncate", "changed_truncate", None),  # whose tombstones are written by then
)


@dataclass(frozen=True)
class Placed:
    """A generated object; of a trigger also the schema and name of its table."""

    generated: Generated
    table: tuple[str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """A feed with all that its objects are made of.

    shown: columns of the model table that rows of the source show, where the feed adds them. collated: columns of the source with a
    collation of their own. values: column of the model table to column of the source.
    """

    deployed: RegisteredDeployment
    feed: Feed
    sets: Mapping[str, RegisteredSet]
    shown: Sequence[str]
    collated: Collection[str]
    values: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _values(self.deployed, self.feed, self.sets))

    @property
    def parts(self) -> dict[str, Composable]:
        """What the texts of a feed have in common."""
        parts: dict[str, Composable] = {
            "records": self.deployed.table,
            "source": self.feed.source,
            "columns": listed(self.values),
            "p_results": listed(self.shown, "p"),
            "new_results": listed(self.shown, "new"),
            "new_id": Identifier("new", "prediction_id"),
            "a_id": Identifier("a", "prediction_id"),
            "a_links": listed(self.feed.links.values(), "a"),
            "p_shown": listed([*self.feed.links, *self.shown], "p"),
            "new_is_null": joined(
                [SQL("{} IS NULL").format(Identifier("new", c)) for c in self.feed.links.values()], " OR "
            ),
            "sets": joined([SQL("{} = {}").format(Identifier(c), Identifier("made", c)) for c in self.shown]),
            "nulls": joined([SQL("        NEW.{} := NULL;").format(Identifier(c)) for c in self.shown], "\n"),
            "assigned": joined(
                [SQL("    NEW.{} := {};").format(Identifier(c), Identifier("made", c)) for c in self.shown], "\n"
            ),
        }
        for alias in ("n", "o", "a", "new", "old"):
            parts[f"{alias}_values"] = listed(self.values.values(), alias)
        for record, row in (("p", "a"), ("p", "new"), ("made", "a")):
            name = "a_is_made" if record == "made" else f"{record}_is_{row}"
            parts[name] = _equal([(record, c, row, s) for c, s in self.feed.links.items()])
        for one, other in (("o", "n"), ("a", "new")):
            parts[f"{one}_is_{other}"] = _equal([(one, c, other, c) for c in self.feed.links.values()])
        source, feeding = self.feed.source_name, f"Scoring rows of {self.feed.source_name}"
        shown = sorted(set(self.shown) & set(self.feed.result_columns))
        kept: dict[str, Composable] = {
            "records_name": Literal(self.deployed.table.as_string()),
            "taken": _texts(self.values.values(), every=True),
            "given": _texts(self.values),
        }
        parts |= {
            "same_table": types_asked(self.feed.source, self.values.values(), shown, text="same_fitting_table", **kept),
            "plain_types": types_asked(self.feed.source, self.values.values(), shown, text="fitting_types", **kept),
            "records_own_code": code_asked(self.deployed.table, feeding),
            "source_own_code": code_asked(self.feed.source, f"Reading {source}", writes=False),
            "source_own_writes": code_asked(self.feed.source, f"Showing predictions in {source}"),
        }
        return parts


def code_asked(table: Identifier, purpose: str, *, writes: bool = True) -> Composed:
    """The condition that no code of others runs where fsdb writes or reads a table; it fails with the sentence that says what would."""
    named = Literal(table.as_string())
    return query(FILE, "own_code", table_name=named, purpose=Literal(purpose), writes=Literal(writes))


def types_asked(
    table: Identifier,
    read: Iterable[str],
    written: Sequence[str] = (),
    *,
    text: str = "plain_types",
    **more: Composable,
) -> Composed:
    """The condition that columns of a table, of which some are written, have types without code of others; it fails like that.

    more: of texts that also ask whether the table of predictions keeps the columns as they are.
    """
    parts = {"read": _texts(read), "written": _texts(written)}
    return query(FILE, text, table_name=Literal(table.as_string()), **parts, **more)


def _texts(names: Iterable[str], *, every: bool = False) -> Composed:
    """Names as an array, each once, or all of them in their places."""
    return SQL("{}::text[]").format(Literal(list(names if every else dict.fromkeys(names))))


def compile_feed(plan: Plan) -> list[Placed]:
    """Every function and trigger of a feed, a function before its triggers."""
    keep = _trigger(KEEP_LINKS, "keep_links", plan.deployed.table, None, **_changed(plan.feed.links))
    placed = [
        Placed(
            Generated("trigger", KEEP_LINKS, keep, "keeps what a prediction is of."),
            (plan.deployed.schema_name, plan.deployed.table_name),
        )
    ]
    if not plan.feed.active:
        return placed
    if plan.feed.role == "shadow":
        placed += _object(plan, "inserted", "inserted_aside", {"inserted": ("after_insert", {})}, "scores a shadow.")
    elif plan.feed.result_columns:
        placed += _in_row(plan)
    else:
        placed += _object(plan, "inserted", "inserted", {"inserted": ("after_insert", {})}, "scores each row inserted.")
        if plan.feed.on_inputs:
            purpose = "scores each row again whose key or inputs change."
            placed += _object(plan, "updated", "updated", {"updated": ("after_update", {})}, purpose)
    if plan.feed.on_features:
        placed += _on_features(plan)
    return placed


def function_prefix(deployment_id: int) -> str:
    """How the names of a feed's functions in schema fsdb_models begin."""
    return f"feed_{deployment_id}_"


def function_pattern(deployment_id: int) -> str:
    """A regular expression for these names alone: functions of models and model tables end otherwise, however they begin."""
    events = "|".join(event for event, *_ in _LOOKED_UP)
    return f"^{function_prefix(deployment_id)}(inserted|updated|scored|missed|kept|set[0-9]+_({events}))$"


def listed(names: Iterable[str], alias: str | None = None) -> Composed:
    """Column names with commas between them."""
    parts = [Identifier(name) if alias is None else Identifier(alias, name) for name in names]
    return joined(parts)


def _values(deployed: RegisteredDeployment, feed: Feed, sets: Mapping[str, RegisteredSet]) -> dict[str, str]:
    """What each column of the model table gets, for all releases that score now."""
    values = dict(feed.links)
    versions = {read.version_column for release in deployed.releases.values() for read in release.sets}
    for release in deployed.scoring:
        for name in table_columns(release, sets):
            column = feed.inputs.get(name, name)
            if values.setdefault(name, column) != column:
                raise _taken(deployed, feed, name)
    for name in feed.links:
        if name in versions:
            raise _taken(deployed, feed, name)
    return values


def _taken(deployed: RegisteredDeployment, feed: Feed, name: str) -> ChangeRefused:
    return ChangeRefused(
        f"Column {name!r} of {deployed.name} holds {feed.links[name]!r} of {feed.source_name} already, and this version needs it for "
        "something else: attach it with other predictions=, or give its input another name."
    )


def _in_row(plan: Plan) -> list[Placed]:
    """The row triggers by which rows of the source show their predictions. Names sort after an application's, the guard first."""
    missed: dict[str, Composable] = {"missed": SQL("{} IS NULL").format(Identifier("new", "prediction_id"))}
    scored: dict[str, tuple[str, dict[str, Composable]]] = {"2_inserted": ("before_insert_row", {})}
    if plan.feed.on_inputs:
        scored["2_updated"] = ("before_update_row", _changed(plan.values.values()))
    message = f"fsdb: what {plan.feed.source_name} shows of its predictions is written by fsdb alone"
    hint = f"Leave {', '.join(plan.shown)} out of the UPDATE; a change of the inputs scores the row again."
    more: dict[str, Composable] = {"message": Literal(message), "hint": Literal(hint)}
    kept: dict[str, tuple[str, dict[str, Composable]]] = {"1_kept": ("before_update_row", _changed(plan.shown))}
    return [
        *_object(plan, "scored", "scored", scored, "scores a row and shows the prediction in it."),
        *_object(plan, "missed", "missed", {"missed": ("after_insert_row", missed)}, "scores rows left out before."),
        *_object(plan, "kept", "kept", kept, "keeps shown predictions as they are recorded.", **more),
    ]


def _on_features(plan: Plan) -> list[Placed]:
    placed: list[Placed] = []
    gone = (
        f"fsdb: table {plan.feed.source_name}, whose rows {plan.deployed.name} scores, is gone: undeploy {plan.deployed.name}, "
        "or attach the model again where the table was renamed"
    )
    unfit = f"fsdb: rows of {plan.feed.source_name} cannot be scored again in {plan.deployed.name}, since the table was changed"
    shown = plan.shown if plan.feed.result_columns else ()
    given = [*plan.values, *shown]
    taken = [*plan.values.values(), *shown]
    reads = {
        read.feature_set: (release, read)
        for release in reversed(plan.deployed.scoring)
        for read in release.sets
        if not read.computed  # windows change with time, too: a row is scored again when it changes itself
    }
    for number, (name, (release, read)) in enumerate(sorted(reads.items()), start=1):
        registered = plan.sets[name]
        described = set_read(release, read, registered, {given.name: given.name for given in release.inputs})
        keys = {key: plan.values[key] for key in registered.keys}
        held = newest(described, [_as_in_history(plan, column) for column in keys.values()], SQL("$1"))
        used = _used(plan, registered)
        parts = {
            **plan.parts,
            "version": Identifier(read.version_column),
            "newest": held,
            "a_is_c": _equal([("a", column, "c", key) for key, column in keys.items()]),
        }
        of_set: dict[str, Composable] = {
            "history": registered.history,
            "h_keys": listed(registered.keys, "h"),
            "o_key_is_n": _equal([("o", key, "n", key) for key in registered.keys]),
            **{f"{alias}_keys": listed(registered.keys, alias) for alias in ("n", "o")},
            **{f"{alias}_features": listed(used, alias) for alias in ("n", "o")},
        }
        for event, firing, changed, rows in _LOOKED_UP:
            statement = query(FILE, "rescore", changed=query(FILE, changed, **of_set), **parts)
            if plan.feed.result_columns:
                statement = query(FILE, "rescore_shown", rescore=statement, **parts)
            body = query(
                FILE,
                "looked_up",
                unless_rows=SQL("") if rows is None else _unless_rows(registered, rows, used),
                source=plan.feed.source,
                records=plan.deployed.table,
                source_own_code=parts["source_own_writes" if shown else "source_own_code"],
                read=_texts(plan.values.values()),
                written=_texts(shown),
                records_own_code=parts["records_own_code"],
                source_name=Literal(plan.feed.source.as_string()),
                gone_message=Literal(gone),
                unfit_message=Literal(unfit),
                records_name=Literal(plan.deployed.table.as_string()),
                given=Literal(given),
                taken=Literal(taken),
                statement=Literal(statement.as_string()),
            )
            function = f"{function_prefix(plan.deployed.deployment_id)}set{number}_{event}"
            purpose = f"scores rows of {plan.feed.source_name} again when features of {name} change."
            placed.append(Placed(_function("planned_function", function, body, purpose)))
            trigger = f"zz_fsdb_{function}"
            text = _trigger(trigger, firing, registered.live, function)
            table = (registered.live_schema, registered.live_table)
            placed.append(Placed(Generated("trigger", trigger, text, purpose), table))
    return placed


def _unless_rows(registered: RegisteredSet, rows: str, used: Sequence[str]) -> Composed:
    read = [*registered.keys, *used]
    parts = {
        "same_table": types_asked(registered.live, read, text="same_table"),
        "plain_types": types_asked(registered.live, read),
    }
    return query(FILE, "unless_rows", rows=Identifier(rows), **parts)


def _as_in_history(plan: Plan, column: str) -> Composable:
    given = Identifier("a", column)
    return query(FILE, "recollated", column=given) if column in plan.collated else given


def _used(plan: Plan, registered: RegisteredSet) -> list[str]:
    """Columns of a live table that the scoring depends on."""
    inputs = [given for release in plan.deployed.scoring for given in release.inputs]
    names = dict.fromkeys(g.feature for g in inputs if g.feature_set == registered.name and g.feature is not None)
    aged = any(
        read.max_age
        for release in plan.deployed.scoring
        for read in release.sets
        if read.feature_set == registered.name
    )
    if (
        aged and registered.tracked
    ):  # any change of a feature is a younger version, whatever the application's own time says
        names |= dict.fromkeys(feature.name for feature in registered.features)
    return [*names, *([registered.event_time_column] if aged and registered.event_time_column else [])]


def _object(
    plan: Plan,
    name: str,
    body: str,
    triggers: Mapping[str, tuple[str, dict[str, Composable]]],
    purpose: str,
    **more: Composable,
) -> list[Placed]:
    """A function with the triggers of the source that call it: name to text and parts."""
    function = f"{function_prefix(plan.deployed.deployment_id)}{name}"
    placed = [Placed(_function("function", function, query(FILE, body, **plan.parts, **more), purpose))]
    for suffix, (firing, parts) in triggers.items():
        trigger = f"zz_fsdb_{function_prefix(plan.deployed.deployment_id)}{suffix}"
        text = _trigger(trigger, firing, plan.feed.source, function, **parts)
        table = (plan.feed.source_schema, plan.feed.source_table)
        placed.append(Placed(Generated("trigger", trigger, text, purpose), table))
    return placed


def _function(text: str, name: str, body: Composed, purpose: str) -> Generated:
    statement = query(FILE, text, function=Identifier(MODEL_SCHEMA, name), body=Literal(body.as_string()))
    return Generated("function", name, statement, purpose)


def _trigger(name: str, text: str, table: Identifier, function: str | None, **parts: Composable) -> Composed:
    if function is not None:
        parts["function"] = Identifier(MODEL_SCHEMA, function)
    return query(FILE, text, trigger=Identifier(name), table=table, **parts)


def _changed(columns: Iterable[str]) -> dict[str, Composable]:
    return {"old": listed(columns, "old"), "new": listed(columns, "new")}


def _equal(pairs: list[tuple[str, str, str, str]]) -> Composed:
    """The condition that columns are equal, each given by alias and name."""
    return joined(
        [
            SQL("{} = {}").format(Identifier(one, column), Identifier(other, another))
            for one, column, other, another in pairs
        ],
        " AND ",
    )
