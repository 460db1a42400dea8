"""URLs of databases as they may be shown: nothing of them that could be a secret."""

import re
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fsdb.errors import ConnectionFailed

_SCHEME = re.compile(r"\s*([A-Za-z][\w.-]*)(\+[\w.-]+)?:/")
_SHOWN = ("host", "hostaddr", "port", "dbname", "user", "service")
_SECRET = ("password", "sslpassword", "oauth_client_secret")
_UNREADABLE = "a URL that does not parse (in a password, write %, /, @, : and spaces as %25, %2F, %40, %3A and %20)"
_PASSWORD = re.compile(r"//[^:/?#]*:(.*)@", re.DOTALL)
_NAMED = re.compile(r"(?:password|secret|token|key)\w*\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


def of_postgresql(url: str) -> str:
    """A URL as libpq takes it: SQLAlchemy's, such as postgresql+psycopg://…, without the driver. What is no URL stays as it is.

    Raises ConnectionFailed for the URL of another kind of database.
    """
    found = _SCHEME.match(url)
    if found is None:
        return url
    scheme = found[1].lower()
    if scheme not in ("postgresql", "postgres"):
        hint = " (the embedded PostgreSQL's other databases are embedded:///name)" if scheme == "embedded" else ""
        raise ConnectionFailed(
            f"fsdb works on PostgreSQL, and a URL that begins with {found[1]}{found[2] or ''}: is not a PostgreSQL URL: write postgresql://user@host/database{hint}."
        )
    return f"{scheme}:/{url[found.end() :]}"


def shown(url: str) -> str:
    """Where a URL leads, without passwords and other secrets."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return _UNREADABLE
    chosen = {name: str(value) for name, value in parts.items() if name in _SHOWN and value is not None}
    if any("@" in value for name, value in chosen.items() if name != "user") or "//" in chosen.get("dbname", ""):
        return _UNREADABLE  # libpq found a part of the password in another place
    return make_conninfo("", **chosen)


def divided(url: str) -> tuple[str, dict[str, str]]:
    """A URL without what is secret, complete otherwise, and the password as the variable by which libpq takes it.

    For other secrets libpq has no variable: it asks for them. Raises ConnectionFailed for one that does not parse.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:  # whose text may hold the password
        raise ConnectionFailed(f"The database is named by {_UNREADABLE}.") from None
    secrets = {name: str(parts.pop(name)) for name in _SECRET if name in parts}
    return make_conninfo("", **parts), {"PGPASSWORD": secrets["password"]} if "password" in secrets else {}


def without_secrets(text: str, url: str) -> str:
    """A text about a URL, such as libpq's own errors, without what could be a secret in the URL."""
    found = [match for pattern in (_PASSWORD, _NAMED) for match in pattern.findall(url)]
    for secret in sorted({form for one in found for form in _forms(one)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _forms(secret: str) -> set[str]:
    """A secret as it stands, without quotes and escapes, and the pieces that a parser may have cut it into."""
    bare = secret.strip("'")
    pieces = {piece for form in (bare, unquote(bare)) for piece in re.split(r"[\s/?#@:&%]", form)}
    return {form for form in {secret, bare, unquote(bare), *pieces} if len(form) > 2}
