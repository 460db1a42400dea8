"""The commands by name, and how each ends: 0 good, 1 refused with a reason, 2 misuse, 130 interrupted."""

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import psycopg
import typer
from rich.text import Text

from fsdb import __version__
from fsdb.cli.commands import CommandGroup
from fsdb.cli.output import err, note, say
from fsdb.errors import FsdbError, LateValues, NothingMatched
from fsdb.masking import has_secret, masked

MISUSE, INTERRUPTED = 2, 130

app = typer.Typer(
    name="fsdb",
    cls=CommandGroup,
    help="fsdb turns a PostgreSQL database into a feature store and a model server.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        say(f"fsdb {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    _shown: Annotated[
        bool, typer.Option("--version", help="Print the version of fsdb, and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """fsdb turns a PostgreSQL database into a feature store and a model server."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status. A refusal is one sentence on standard error, without a traceback."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    for word in given:
        if not _is_text(word):
            return _refuse(
                f"The argument {word!r} is not valid UTF-8: encode it as UTF-8, or set LANG to the encoding of this terminal."
            )
    if given[:1] != ["psql"] and any(
        has_secret(word) and before != "--url" and not word.startswith("--url=")
        for before, word in zip(["", *given], given, strict=False)
    ):
        # What is said of an argument that fits nowhere repeats it.
        return _refuse(
            "An argument holds a password or another secret: give a database's URL as FSDB_URL or with --url; no other argument takes one.",
            MISUSE,
        )
    try:
        with warnings.catch_warnings():
            for told in (LateValues, NothingMatched):  # the command prints the training set's notice
                warnings.simplefilter("ignore", told)
            warnings.showwarning = _noted  # type: ignore[assignment]
            app(given, prog_name="fsdb")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if status == INTERRUPTED:
            err().print("Interrupted: what was under way is rolled back.")
        return status
    except KeyboardInterrupt:
        err().print("Interrupted: what was under way is rolled back.")
        return INTERRUPTED
    except FsdbError as refused:
        return _refuse(str(refused))
    except OSError as error:
        return _refuse(f"{error.filename or 'A file'}: {error.strerror or error}.")
    except Exception as error:
        cause = getattr(error, "orig", error)  # SQLAlchemy, which few commands load, wraps the driver's errors
        if not isinstance(cause, psycopg.Error):
            raise
        return _refuse(f"The database refused: {cause.diag.message_primary or str(cause).strip()}.")
    return 0


def _noted(message: Warning | str, *_where: Any) -> None:
    note(str(message))


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # Python keeps bytes that are no text as halves of characters
        return False
    return True


def _refuse(reason: str, status: int = 1) -> int:
    err().print(Text.assemble(("Refused: ", "bold red"), masked(reason)), soft_wrap=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
