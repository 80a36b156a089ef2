"""One process at a time: an operating system's lock, which no kill can leave behind."""

import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.disk import disk_errors, make_private_folder

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


POLL_S = 0.5
"""Between two tries at a lock that is waited for."""


@contextmanager
def run_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of a ``with`` block.

    The file says who holds it, as ``{"pid", "host"}``, and stays behind empty. The lock is the process's: the kernel
    releases it when the process ends, however it ends. Spawned children do not inherit it; forked ones keep it alive.
    What runs within the block may ask for the lock again.

    Raises:
        UserError: the lock is held by another process, whose pid and host are named; or the file cannot be written.
    """

    def refuse(holder: str) -> None:
        raise UserError(f"{path} is held by {holder}: wait until it ends, or end it")

    with _lock(path, {}, refuse):
        yield


@contextmanager
def queue_lock(path: Path, run: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """As `run_lock`, but wait for one's turn, for as long as it takes. Whose turn is next is not decided by arrival.

    Args:
        path: The lock file; it says who holds it, as ``{"pid", "host", "run"}``.
        run: Name of the run that asks.
        waiting: Called every half second of waiting, with who holds the lock in words.

    Raises:
        UserError: the file cannot be written.
    """

    def wait(holder: str) -> None:
        waiting(holder)
        time.sleep(POLL_S)

    with _lock(path, {"run": run}, wait):
        yield


@contextmanager
def _lock(path: Path, told: Mapping[str, str], busy: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; `busy` is called with its holder, again and again, while it is another's."""
    if path in _held.get():
        yield
        return
    make_private_folder(path.parent)
    with disk_errors(path.parent):
        # Without a buffer, which a full disk would refuse a second time when the file is closed.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                busy(_holder(file.read()))
        with disk_errors(path.parent):
            file.seek(0)
            file.truncate()
            file.write(json.dumps({"pid": os.getpid(), "host": platform.node(), **told}).encode())
        token = _held.set(_held.get() | {path})
        try:
            yield
        finally:
            _held.reset(token)
            file.truncate(0)


def _holder(text: bytes) -> str:
    """Who holds the lock; it may have been taken a moment ago, and nothing been written yet."""
    try:
        holder = json.loads(text)
        run = f"run {holder['run']}, " if "run" in holder else ""
        return f"{run}process {holder['pid']} on {holder['host']}"
    except (ValueError, LookupError, TypeError):
        return "another process"
