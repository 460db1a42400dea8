"""fsdb grant, revoke, roles: who may do what."""

from typing import Annotated

import typer

from fsdb.access import roles as access
from fsdb.cli.output import JsonOption, note, say, show
from fsdb.cli.session import UrlOption, looked

RoleArgument = Annotated[str, typer.Argument(metavar="ROLE", help="reader, writer, scorer, deployer or admin.")]
UsersArgument = Annotated[list[str], typer.Argument(metavar="TO USER", help="Users or groups of the server.")]
FromArgument = Annotated[list[str], typer.Argument(metavar="FROM USER", help="Users or groups of the server.")]
OnOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A feature set for a writer, a deployment for a scorer, a schema for a deployer's tables; repeat for several."
    ),
]


def grant(role: RoleArgument, users: UsersArgument, on: OnOption = None, url: UrlOption = None) -> None:
    """Give users a role: `fsdb grant reader TO analyst`."""
    with looked(url) as connection:
        named = _named(users, "TO")
        access.grant(connection, role, named, on or ())
    note(f"Granted {role} to {', '.join(named)}.")


def revoke(role: RoleArgument, users: FromArgument, on: OnOption = None, url: UrlOption = None) -> None:
    """Take a role from users: `fsdb revoke reader FROM analyst`. Rights that were granted by hand stay."""
    with looked(url) as connection:
        named = _named(users, "FROM")
        access.revoke(connection, role, named, on or ())
    note(f"Revoked {role} from {', '.join(named)}.")


def roles(
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Print what an administrator of the server must run so that all roles are there."),
    ] = False,
    prefix: Annotated[
        str | None,
        typer.Option(help="Call the roles PREFIXreader and so on in this database from now on.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show who has which role, or give this database's roles other names."""
    with looked(url) as connection:
        if prefix is not None:
            access.rename(connection, prefix)
        missing = access.missing(connection) if sql else []
        found = access.listed(connection)
    if sql:
        for statement in missing:
            say(f"{statement};")
    else:
        show(found, as_json)


def _named(words: list[str], before: str) -> list[str]:
    """The users, without the word that may stand before them."""
    return words[1:] if len(words) > 1 and words[0].upper() == before else words
