"""Names of a feature set's objects. A colon, which no set's name can hold, keeps them apart from other sets' tables."""

from hashlib import sha256

from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import FeatureSet

LONGEST = 50  # leaves room for the suffixes within PostgreSQL's 63 bytes


def history_table(definition: FeatureSet) -> str:
    """The name of a set's history table in schema fsdb_history: the set's own, shortened with a hash where too long."""
    name = definition.table_name if definition.schema == "public" else f"{definition.schema}.{definition.table_name}"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}_{sha256(name.encode()).hexdigest()[:8]}"


def internal(history: str, suffix: str) -> Identifier:
    """A function, index or sequence of the set in schema fsdb_history, such as "airport_weather:inserted"."""
    return Identifier(HISTORY_SCHEMA, f"{history}:{suffix}")


def history_view(registered: RegisteredSet) -> Identifier:
    """The view <set>_history."""
    return Identifier(registered.schema_name, f"{registered.table_name}_history")


def as_of_function(registered: RegisteredSet) -> Identifier:
    """The function <set>_as_of."""
    return Identifier(registered.schema_name, f"{registered.table_name}_as_of")


def dropped_column(name: str, feature_id: int) -> str:
    """What a dropped feature's column in history is called: a name that no feature can take again."""
    kept = name.encode()[:40].decode(errors="ignore")
    return f"{kept}__d{feature_id}"
