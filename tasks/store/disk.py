"""Bytes that survive a kill and a power cut, and what to tell the user when the disk refuses them."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.settings.errors import UserError

REFUSALS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
SAFETENSORS_ERROR = re.compile(r"Error while serializing: .*\(os error (\d+)\)")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Tell the user in one sentence when the disk refuses to write in or beside ``folder``.

    Raises:
        UserError: cannot write in the folder; the sentence holds the system's reason.
    """
    try:
        yield
    except Exception as error:
        number = _refusal(error, folder)
        if number is None:
            raise
        raise _cannot_write(folder, os.strerror(number)) from error


def make_private_folder(folder: Path) -> None:
    """Create a folder, and those above it that are missing, for this user's eyes only.

    Raises:
        UserError: cannot write in the folder.
    """
    try:
        for path in [*reversed(folder.parents), folder]:
            if not path.is_dir():
                path.mkdir(mode=0o700, exist_ok=True)
                sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(folder, error.strerror) from error


def write_file(path: Path, content: bytes | str) -> None:
    """Put a private file in place whole: a reader, or a run started after a kill, sees the old file or the new one.

    The unfinished file is hidden (``.<name>.tmp``), and hidden files never become part of a unit's result.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries (names made, moved and removed) are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refusal(error: Exception, folder: Path) -> int | None:
    """The system's error number where the disk refused to write in or beside the folder, else None."""
    if isinstance(error, OSError):
        number = error.errno
        # A refused write names no file. One elsewhere, such as a model that may not be read, is another matter.
        path = folder if error.filename is None else Path(str(error.filename))
        if not path.absolute().is_relative_to(folder.absolute().parent):
            return None
    else:
        found = SAFETENSORS_ERROR.fullmatch(str(error))
        number = int(found[1]) if found else None
    return number if number in REFUSALS else None


def _cannot_write(folder: Path, reason: str) -> UserError:
    return UserError(f"cannot write in {folder}: {reason}; make room and make it writable, or choose another folder")
