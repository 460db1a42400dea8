"""Turns what PostgreSQL refuses while definitions change into fsdb's own errors, with what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.errors import ChangeRefused, RightMissing


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Around changes of the tables of feature set `name`."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise RightMissing(
            f"This database user may not change the tables of feature set {name}: {_said(error)}. "
            "Grant it CREATE on the schema and ownership of the tables, or connect as their owner."
        ) from error
    except errors.DependentObjectsStillExist as error:
        depending = (error.diag.message_detail or "").replace("\n", "; ")
        raise ChangeRefused(
            f"Other objects depend on the columns or views of feature set {name}: {depending}. Drop them first and make them again afterwards."
        ) from error
    except errors.FeatureNotSupported as error:
        raise ChangeRefused(f"PostgreSQL refuses this change of feature set {name}: {_said(error)}.") from error
    except errors.TooManyColumns as error:
        raise ChangeRefused(
            f"Feature set {name} has used up its 1,600 columns, dropped features included: put further features into a new set with the same keys."
        ) from error


@contextmanager
def may_write(registered: RegisteredSet) -> Iterator[None]:
    """Around statements by which fsdb itself writes versions. Raises RightMissing without the rights."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise RightMissing(
            f"This database user may not write history of feature set {registered.name}: {_said(error)}. As the owner, run "
            f'GRANT USAGE ON SCHEMA {HISTORY_SCHEMA} and GRANT EXECUTE ON FUNCTION {HISTORY_SCHEMA}."{registered.history_table}:write" TO it.'
        ) from error


def _said(error: errors.Error) -> str:
    parts = [error.diag.message_primary or str(error), error.diag.message_detail]
    return "; ".join(part for part in parts if part)
