"""One process at a time: an operating system's lock, which no kill can leave behind."""

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of a ``with`` block.

    The file says who holds it, as ``{"pid", "host"}``, and stays behind empty. The lock is the process's: the kernel
    releases it when the process ends, however it ends. Spawned children do not inherit it; forked ones keep it alive.
    What runs within the block may ask for the lock again.

    Raises:
        UserError: the lock is held by another process, whose pid and host are named; or the file cannot be written.
    """
    if path in _held.get():
        yield
        return
    make_private_folder(path.parent)
    with disk_errors(path.parent):
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path} is held by {_holder(file.read())}: wait until it ends, or end it") from None
        with disk_errors(path.parent):
            file.truncate(0)
            json.dump({"pid": os.getpid(), "host": platform.node()}, file)
            file.flush()
        token = _held.set(_held.get() | {path})
        try:
            yield
        finally:
            _held.reset(token)
            file.truncate(0)


def _holder(text: str) -> str:
    """Who holds the lock; it may have been taken a moment ago, and nothing been written yet."""
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, LookupError, TypeError):
        return "another process"
