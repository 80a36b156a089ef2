"""A run's turn at work: alone in its folder, alone on the accelerator, and within its deadline."""

import faulthandler
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import NoReturn

from prefect import get_run_logger

from flows.plan import Plan
from tasks.announce import ACCELERATOR_AWAITED, announce
from tasks.lab.model import user_cache
from tasks.settings.errors import UserError
from tasks.store.lock import queue_lock, run_lock
from tasks.store.run import Run

SAID_EVERY_S = 60.0
"""Between two lines of the log that say for whom a run waits."""

GRACE_S = 30.0
"""After the deadline, for Python to be heard and files to be left in order; then the process ends as it is."""


@contextmanager
def turn(run: Run, plan: Plan) -> Iterator[None]:
    """Hold the run's lock and, on a GPU or where settings say `exclusive`, the accelerator's: that one waits its turn.

    Subflows may ask again for what their flow holds. The deadline counts from here, waiting included.

    Raises:
        UserError: another process works on this run; or the deadline was reached.
    """
    settings = plan.settings
    with deadline(settings.deadline_minutes), alone(run, plan.device, exclusive=settings.exclusive):
        yield


@contextmanager
def alone(run: Run, device: str, *, exclusive: bool) -> Iterator[None]:
    """`turn` without a deadline, for work that has no plan."""
    with ExitStack() as held:
        held.enter_context(run_lock(run.path / ".lock"))
        if device == "cuda" or exclusive:
            held.enter_context(queue_lock(accelerator_lock(device), run.name, _Waiting(run.name)))
        yield


def accelerator_lock(device: str) -> Path:
    """The lock file of what a run computes on; with CUDA of the first visible device, the one that is used."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if device == "cuda" else ""
    return user_cache() / f"accelerator-{device}{re.sub(r'[^A-Za-z0-9-]', '', first)}.lock"


class _Waiting:
    """Tells the log now and then for whom a run waits, and the event feed once."""

    def __init__(self, run_name: str) -> None:
        self._run_name = run_name
        self._began = self._said = None

    def __call__(self, holder: str) -> None:
        now = monotonic()
        if self._began is None:
            self._began = now
            announce(ACCELERATOR_AWAITED, self._run_name, {"holder": holder})
        if self._said is None or now - self._said >= SAID_EVERY_S:
            self._said = now
            minutes = (now - self._began) / 60
            get_run_logger().info("waiting for the accelerator for %.0f min; it is held by %s", minutes, holder)


@contextmanager
def deadline(minutes: float) -> Iterator[None]:
    """End what runs within the block when the time is up; 0 sets no deadline, and within another that one counts.

    An alarm interrupts the main thread, which is where Prefect runs a flow. Code that does not come back to Python,
    such as a kernel that hangs, gets `GRACE_S` more; then a thread of the interpreter's own ends the process with exit
    code 1, and the children of `tasks.models.child_process` with it. Either way the run can go on later.

    Raises:
        UserError: the deadline was reached.
    """
    if not minutes or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def reached(*_: object) -> NoReturn:
        raise UserError(
            f"deadline_minutes is {minutes:g}, and the run was not done by then; started again it goes on where it "
            "was, so start it again or give it more time."
        )

    before = signal.signal(signal.SIGALRM, reached)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    faulthandler.dump_traceback_later(60 * minutes + GRACE_S, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
