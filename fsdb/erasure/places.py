"""Where entities are held, beside the set's own tables and its copy: each place a function of the registry PLACES.

A part of fsdb that comes to hold entities joins by a function here: it takes what is held of the keys out, in the erasure's transaction,
and says how many rows that were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.training import get_saved
from fsdb.config import TRAINING_SCHEMA
from fsdb.erasure.keys import FILE, K, same
from fsdb.locks import Mode, Relation
from fsdb.search_path import of_user
from fsdb.sql import query
from fsdb.training.saved_asof import ordinal_of, spine_columns

Deployment = tuple[int, str, str, str]  # deployment_id, name, schema and table


@dataclass
class Taken:
    """What an erasure has taken so far: rows by place, prediction ids by deployment, rows of spines by saved training set."""

    counts: dict[str, int] = field(default_factory=dict)
    predictions: dict[str, list[int]] = field(default_factory=dict)
    training_sets: dict[str, int] = field(default_factory=dict)
    tables: list[Relation] = field(default_factory=list)


def locks_of(connection: Connection[Any], registered: RegisteredSet) -> dict[Relation, Mode]:
    """Tables of the places that nobody may write to while entities are taken out."""
    tables = {(schema, table) for _, _, schema, table in _readers(connection, registered)}
    tables |= {one[2:4] for pair in _shadows(connection) for one in pair}
    tables |= {(TRAINING_SCHEMA, name) for name in saved_sets(connection, registered)}
    return dict.fromkeys(tables, Mode.SHARE_ROW_EXCLUSIVE)


def take_predictions(connection: Connection[Any], registered: RegisteredSet, taken: Taken) -> None:
    """Predictions of every deployment that ever looked the set up, with the rows of shadows beside them and the queues of workers."""
    found: dict[Deployment, set[int]] = {}
    for deployment in _readers(connection, registered):
        text = query(FILE, "predictions", **K, table=_table(deployment), p_is_k=same(registered, "p"))
        found.setdefault(deployment, set()).update(_ids(connection, text))
    for shadow, live in _shadows(
        connection
    ):  # a row and its shadow are of one entity, whichever of them looks the set up
        if found.get(shadow):
            text = query(FILE, "shadowed", table=_table(shadow))
            found.setdefault(live, set()).update(_ids(connection, text, found[shadow]))
        if found.get(live):
            text = query(FILE, "shadowing", table=_table(shadow))
            found.setdefault(shadow, set()).update(_ids(connection, text, found[live]))
    for deployment, ids in found.items():
        if not ids:
            continue
        values = {"deployment_id": deployment[0], "predictions": sorted(ids)}
        with of_user(connection):  # under which the table's other triggers were written
            connection.execute(query(FILE, "delete_predictions", table=_table(deployment)), values)
        queued = sum(
            connection.execute(query(FILE, name), values).rowcount for name in ("delete_queued", "delete_dead")
        )
        taken.predictions[deployment[1]] = sorted(ids)
        taken.tables.append(deployment[2:4])
        taken.counts["predictions"] = taken.counts.get("predictions", 0) + len(ids)
        taken.counts["queues"] = taken.counts.get("queues", 0) + queued


def take_spines(connection: Connection[Any], registered: RegisteredSet, taken: Taken) -> None:
    """Rows of saved training sets that read the set: whole rows, since their other columns are of the entity, too."""
    for name in saved_sets(connection, registered):
        spine = Identifier(TRAINING_SCHEMA, name)
        rows = connection.execute(query(FILE, "delete_spine", **K, spine=spine, s_is_k=same(registered, "s"))).rowcount
        if rows:
            ordinal = Identifier(ordinal_of(spine_columns(get_saved(connection, name))))
            for text in ("close_ranks", "open_ranks"):
                connection.execute(query(FILE, text, spine=spine, ordinal=ordinal))
            taken.training_sets[name] = rows
            taken.tables.append((TRAINING_SCHEMA, name))
            taken.counts["training sets"] = taken.counts.get("training sets", 0) + rows


# What holds entities, in the order in which it is asked.
PLACES: dict[str, Callable[[Connection[Any], RegisteredSet, Taken], None]] = {
    "predictions": take_predictions,
    "training sets": take_spines,
}


def saved_sets(connection: Connection[Any], registered: RegisteredSet) -> list[str]:
    """Saved training sets that read a set."""
    return [name for (name,) in connection.execute(query(FILE, "saved"), {"feature_set": registered.name})]


def predictions_from(
    connection: Connection[Any], registered: RegisteredSet, versions: Sequence[int]
) -> dict[str, list[int]]:
    """Predictions that were made from some versions of the set, by deployment."""
    found: dict[str, set[int]] = {}
    for _, name, schema, table, column in connection.execute(query(FILE, "reads"), {"feature_set": registered.name}):
        text = query(FILE, "predictions_from", table=Identifier(schema, table), version_column=Identifier(column))
        ids = {row[0] for row in connection.execute(text, {"versions": list(versions)}).fetchall()}
        found.setdefault(name, set()).update(ids)
    return {name: sorted(ids) for name, ids in found.items() if ids}


def notes(connection: Connection[Any], registered: RegisteredSet) -> list[str]:
    """What an erasure from this set leaves to others, as sentences."""
    said = []
    readers = [deployment[0] for deployment in _readers(connection, registered)]
    rows = connection.execute(query(FILE, "attached"), {"deployments": readers}).fetchall()
    said += [f"{schema}.{table} is its application's, and keeps its rows: delete them there." for schema, table in rows]
    others = [name for (name,) in connection.execute(query(FILE, "others"), {"feature_set": registered.name})]
    if others:
        said.append(f"{', '.join(others)} has the same keys: erase there, too, where they mean the same entities.")
    return said


def _readers(connection: Connection[Any], registered: RegisteredSet) -> list[Deployment]:
    rows = connection.execute(query(FILE, "reads"), {"feature_set": registered.name}).fetchall()
    return list(dict.fromkeys((number, name, schema, table) for number, name, schema, table, _ in rows))


def _shadows(connection: Connection[Any]) -> list[tuple[Deployment, Deployment]]:
    return [(row[:4], row[4:]) for row in connection.execute(query(FILE, "shadows")).fetchall()]


def _table(deployment: Deployment) -> Identifier:
    return Identifier(*deployment[2:])


def _ids(connection: Connection[Any], text: Any, predictions: set[int] | None = None) -> list[int]:
    values = None if predictions is None else {"predictions": sorted(predictions)}
    return [number for (number,) in connection.execute(text, values).fetchall()]
