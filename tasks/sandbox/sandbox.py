"""Runs programs that a model wrote, and their tests, without trusting either.

    run_trials([Trial(program="def f(x): return 2 * x", entry_point="f", test="assert f(2) == 4")])[0].status

A program is locked up in seven layers (`tasks.sandbox.jail.LAYERS`); its tests run in a second jail and call it through
a pipe, so that it cannot forge the verdict. Where a layer cannot be had, nothing runs. What this does not stop: a flaw
of the kernel itself; for programs of an attacker with time, use a virtual machine.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

from tasks.sandbox.frames import FrameError, receive, send
from tasks.sandbox.jail import LAYERS
from tasks.sandbox.limits import LIMITS, Limits
from tasks.sandbox.warden import NEXT
from tasks.settings.errors import UserError

Status = Literal["passed", "failed", "stopped"]

_ROOT = Path(__file__).parents[2]
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); import tasks.sandbox.warden as w; del sys.path[0]; w.main()"
_GRACE_S = 15.0  # the warden keeps the deadline; this is for a warden that is itself stuck, and for a busy machine


@dataclass(frozen=True)
class Trial:
    """A program and what it must do.

    Attributes:
        program: Python source, untrusted.
        entry_point: The function that the tests call; empty where the program need only run.
        preamble: Python source that the tests rely on (imports, helpers); never the program's own.
        test: Python source that calls the entry point and raises where it is wrong.
    """

    program: str
    entry_point: str = ""
    preamble: str = ""
    test: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        status: `passed`: the program ran to its end and the tests found nothing; `failed`: it raised, ended early or
            the tests did; `stopped`: it was out of time, or its tests were stopped at a limit.
        detail: Why not; the program's own words may be in it. Empty if passed.
        output: The first of what was printed.
        seconds: Wall-clock.
    """

    status: Status
    detail: str
    output: str
    seconds: float


def run_trials(trials: Sequence[Trial], *, limits: Limits = LIMITS, parallel: int = 2) -> list[Outcome]:
    """One outcome a trial, in order.

    Args:
        trials: Programs and tests.
        limits: Of each program.
        parallel: Programs at a time, at least 1.

    Raises:
        UserError: this machine cannot give a promised layer; no program was run.
    """
    if sys.platform != "linux":
        raise UserError(
            f"programs a model wrote are run on Linux only, in {len(LAYERS)} layers; this is {sys.platform}."
        )
    outcomes: dict[int, Outcome] = {}
    queue: SimpleQueue[tuple[int, Trial]] = SimpleQueue()
    for item in enumerate(trials):
        queue.put(item)

    def work() -> None:
        with _Warden(limits) as warden, suppress(Empty):
            while True:
                index, trial = queue.get_nowait()
                outcomes[index] = warden.run(trial)

    with ThreadPoolExecutor(parallel) as pool:
        try:
            for worker in [pool.submit(work) for _ in range(min(parallel, len(trials)))]:
                worker.result()
        except BaseException:  # interrupted, or refused: the pool waits for what is running, not for the rest
            with suppress(Empty):
                while True:
                    queue.get_nowait()
            raise
    return [outcomes[index] for index in range(len(trials))]


def active_layers() -> tuple[str, ...]:
    """The layers that surround a program on this machine: all that are promised.

    Raises:
        UserError: one cannot be had; the message names it.
    """
    (outcome,) = run_trials([Trial("")])
    assert outcome.status == "passed", outcome
    return tuple(LAYERS)


class _Warden:
    """The parent's end of a warden, which is started anew if it has to be killed."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "_Warden":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, trial: Trial) -> Outcome:
        if max(map(len, (trial.program, trial.preamble, trial.test))) > self._limits.message_bytes:
            return Outcome("failed", f"longer than {self._limits.message_bytes} characters", "", 0.0)
        start = time.monotonic()
        said = self._ask(trial)
        if said is None:
            self._end()
            said = {"status": "stopped", "detail": "the sandbox did not answer in time", "output": ""}
        if "refused" in said:
            raise UserError(
                f"programs a model wrote are not run: this machine lacks the sandbox's layer {said['refused']}; "
                "allow user namespaces, or run as root with CAP_SYS_ADMIN, on Linux 5.12 or later."
            )
        return Outcome(**said, seconds=time.monotonic() - start)

    def _ask(self, trial: Trial) -> dict[str, Any] | None:
        if self._process is None:
            self._process = self._started()
        requests, outcomes = self._process.stdin.fileno(), self._process.stdout.fileno()
        try:
            os.write(requests, NEXT)
            send(requests, {"source": trial.program, "entry_point": trial.entry_point})
            send(requests, {"preamble": trial.preamble, "entry_point": trial.entry_point, "test": trial.test})
            answered = select.poll()
            answered.register(outcomes, select.POLLIN)
            if answered.poll(1000 * (self._limits.wall_s + _GRACE_S)):
                return receive(outcomes, most=16 * (self._limits.output_bytes + 4096))
        except (FrameError, BrokenPipeError):
            pass
        return None

    def _started(self) -> subprocess.Popen:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-I", "-S", "-c", _BOOT, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        send(process.stdin.fileno(), self._limits)
        return process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            with self._process:
                self._process = None
