"""Files that another user of the machine may have put there: code that fsdb would run, and data that it would read.

Who may write a project's folder is trusted by whoever runs fsdb in it, as by whoever runs make there. What everybody may write is nobody's word.
"""

import os
import stat
from pathlib import Path

from fsdb.errors import InvalidData, InvalidDefinition

TRUST_VARIABLE = "FSDB_TRUST_OPEN_FILES"


def check_code(path: str | Path) -> None:
    """Raises InvalidDefinition where a file that is run, or is missing, could be anybody's: everybody may write it or make files in its folder.

    `$FSDB_TRUST_OPEN_FILES` takes it all the same, for file systems without rights of their own.
    """
    if not hasattr(os, "getuid") or os.environ.get(TRUST_VARIABLE):
        return
    for place in (Path(path), Path(path).parent):
        try:
            found = place.stat()
        except OSError:
            continue
        if not found.st_mode & stat.S_IWOTH:
            continue
        is_folder = stat.S_ISDIR(found.st_mode)
        # In a folder such as /tmp everybody may make files, and change their own.
        if is_folder and found.st_mode & stat.S_ISVTX and _is_own(Path(path)):
            continue
        raise InvalidDefinition(
            f"Every user of this machine may {'put files into' if is_folder else 'write'} {place}, and fsdb would run what is there: "
            f"run chmod o-w on it, or set {TRUST_VARIABLE}=1 if its permissions mean nothing here."
        )


def check_data(path: str | Path, what: str) -> None:
    """Raises InvalidData for a file of data that is no ordinary one, or is another user's link to what that user may not own. what: the data's name.

    Reading a pipe waits for ever, and a device never ends. A link that somebody put into a shared folder would hand out what only its reader may read.
    """
    path = Path(path)
    try:
        if stat.S_ISLNK(path.lstat().st_mode) and hasattr(os, "getuid"):
            maker = path.lstat().st_uid
            if maker not in (os.geteuid(), 0, path.stat().st_uid):
                raise InvalidData(
                    f"The {what}'s file {str(path)!r} is a link that another user made to a file that is not that user's: name the file itself."
                )
        is_regular = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise InvalidData(f"The {what}'s file {str(path)!r} cannot be read: {error.strerror}.") from error
    if not is_regular:
        raise InvalidData(f"The {what}'s file {str(path)!r} is not a regular file: write its contents into one first.")


def _is_own(path: Path) -> bool:
    """Whether a file, and the link to it where it is one, belong to this user or to root; one that is not there is nobody's."""
    try:
        return {path.lstat().st_uid, path.stat().st_uid} <= {os.geteuid(), 0}
    except OSError:
        return True
