"""Roles: given, taken, listed, and what they are called."""

from collections.abc import Sequence

from fsdb.access import roles
from fsdb.arguments import checked_calls
from fsdb.store.base import BaseStore
from fsdb.table import Table


@checked_calls(of="Store")
class RoleStore(BaseStore):
    """Who has which role."""

    def grant(self, role: str, to: str | Sequence[str], on: str | Sequence[str] = ()) -> None:
        """Gives users or groups of the cluster a role: reader, writer, scorer, deployer or admin.

        on: limits a writer to feature sets and a scorer to deployments; for a deployer, the schemas in which to make model tables. Objects
        that are made later give their rights by themselves. Raises RightMissing with the statement that an administrator must run.
        """
        with self._database.transaction() as connection:
            roles.grant(connection, role, _several(to), _several(on))

    def revoke(self, role: str, users: str | Sequence[str], on: str | Sequence[str] = ()) -> None:
        """Takes a role from users or groups. Rights that they were granted by hand stay. Raises ChangeRefused where they do not have it."""
        with self._database.transaction() as connection:
            roles.revoke(connection, role, _several(users), _several(on))

    def roles(self) -> Table:
        """Who has which role: role, called, user, on, how."""
        with self._database.transaction() as connection:
            return roles.listed(connection)

    def name_roles(self, prefix: str) -> None:
        """Calls the roles `prefix`reader, `prefix`writer and so on in this database from now on. The prefix is "fsdb_" at first.

        Makes these roles if it may, and moves the rights to them. Their members are yours to name again.
        """
        with self._database.transaction() as connection:
            roles.rename(connection, prefix)

    def missing_roles(self) -> list[str]:
        """The statements that an administrator of the server must run so that all roles are there and fsdb may use them."""
        with self._database.transaction() as connection:
            return roles.missing(connection)


def _several(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
