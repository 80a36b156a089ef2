"""One attempt at a night in a process of its own, and what may stop it: a kill, or a file system that refuses.

The process is forked from one that has imported everything, so an attempt costs its work alone. The parent may not have
trained anything by then: torch's threads do not survive a fork.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plainly import without_prefect
from tasks.settings.errors import UserError

CHANGES = frozenset({"os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"})
"""Audit events of file-system operations that change something; opening a file to write is another."""
POLL_S = 0.002


@dataclass(frozen=True)
class Moment:
    """When a process gets its SIGKILL: at its n-th operation on files, or after so many CPU seconds."""

    operation: int = 0
    cpu_s: float = 0.0

    def __str__(self) -> str:
        return f"operation {self.operation}" if self.operation else f"CPU second {self.cpu_s:.2f}"


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        is_killed: It was killed, and nothing else is known.
        code: Exit code, as of the command; 1 is our fault.
        words: The error, if there was one.
        operations: On files that it did.
        cpu_s: That it took.
    """

    is_killed: bool
    code: int = -1
    words: str = ""
    operations: int = 0
    cpu_s: float = 0.0


def attempt(
    spend: Callable[[], int], folder: Path, *, kill_at: Moment | None = None, largest_file: int | None = None
) -> Ended:
    """Spend a night in a forked process.

    Args:
        spend: The night; returns the exit code.
        folder: Where it writes; operations on files elsewhere do not count.
        kill_at: When it is killed; None: it is not.
        largest_file: Bytes beyond which no file may grow; None: no limit.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _child(spend, folder, kill_at, largest_file, writing)
    os.close(writing)
    if kill_at and kill_at.cpu_s:
        _kill_after(pid, kill_at.cpu_s)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"ended by signal {os.WTERMSIG(status)}"
        return Ended(is_killed=True)
    return Ended(is_killed=False, cpu_s=usage.ru_utime + usage.ru_stime, **json.loads(told))


def _child(
    spend: Callable[[], int], folder: Path, kill_at: Moment | None, largest_file: int | None, writing: int
) -> None:
    """The forked process; ends it."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    count = 0
    last = kill_at.operation if kill_at else 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in CHANGES or (event == "open" and _is_written(arguments, folder)):
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)

    code, words = 1, ""
    try:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
        sys.addaudithook(hook)
        with without_prefect():
            code = spend()
    except UserError as error:
        code, words = 2, str(error)
    except BaseException:
        words = traceback.format_exc()
    os.write(writing, json.dumps({"code": code, "words": words, "operations": count}).encode())
    os._exit(0)


def _is_written(arguments: tuple[Any, ...], folder: Path) -> bool:
    path, _, flags = arguments
    is_opened_to_write = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return is_opened_to_write and isinstance(path, (str, Path)) and Path(path).is_relative_to(folder)


def _kill_after(pid: int, cpu_s: float) -> None:
    """Kill the process when it has used so much CPU time; unless it ends before."""
    while (used := cpu_seconds(pid)) is not None:
        if used >= cpu_s:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(POLL_S)


def cpu_seconds(pid: int) -> float | None:
    """CPU time that a process has used so far; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
