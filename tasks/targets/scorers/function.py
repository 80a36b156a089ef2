"""A scorer of the user's own: `module:function`, in a process of its own.

The process keeps this one alive when the function hangs or dies; it is no sandbox, the function has the user's rights.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Any

from tasks.models.child_process import ChildError, ChildProcess
from tasks.settings.errors import UserError

BATCH_SIZE = 64
"""Responses that the function is given at a time."""
IMPORT_LIMIT_S = 300.0
"""For importing the module, which may load a model."""
_CHILD = "tasks.targets.scorers.function_child"
_PING: Mapping[str, Any] = {}


class FunctionScorer:
    """Scores by ``function(prompts: list[str], responses: list[str])``, which gives a number in [0, 1] for each.

    The module is imported from the current folder or Python's path, once; the function must score a text alike
    whenever it is asked.

    Args:
        function: ``package.module:function``.
        time_limit_s: For each call, of at most `BATCH_SIZE` responses.

    Raises:
        UserError: the module cannot be imported in time, or has no such function; in a call: the function raises,
            ends its process, takes too long, or returns something else than finite numbers in [0, 1], one a response.
    """

    def __init__(self, function: str, *, time_limit_s: float = 60.0):
        self._function = function
        self._time_limit_s = time_limit_s
        self._lock = Lock()  # The child answers one at a time.
        self._open()

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        scores: list[float] = []
        with self._lock:
            self._open_again_if_gone()
            for start in range(0, len(responses), BATCH_SIZE):
                batch = slice(start, start + BATCH_SIZE)
                request = {"prompts": list(prompts[batch]), "responses": list(responses[batch])}
                scores += self._ask(request, self._time_limit_s)["scores"]
        return scores

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def _open(self) -> None:
        self._child = ChildProcess(_CHILD)
        path = [str(Path.cwd()), *(entry for entry in sys.path if entry)]
        self._ask({"function": self._function, "folder": str(Path.cwd()), "path": path}, IMPORT_LIMIT_S)

    def _open_again_if_gone(self) -> None:
        """The child ends with the thread that made it, and each task of a flow may have a thread of its own."""
        try:
            if self._child.close.alive:
                self._child.ask(_PING)
                return
        except ChildError:
            pass
        self._open()

    def _ask(self, request: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        is_late = Event()
        killer = Timer(limit_s, _kill_group, (self._child.pid, is_late))
        killer.start()
        try:
            return self._child.ask(request)
        except ChildError as error:
            if is_late.is_set():
                reason = f"gave no answer within {limit_s:g} s"
            else:
                how, _, _ = str(error).partition(":")  # What it wrote last may be a response.
                reason = f"ended its process ({how})"
            raise UserError(f"The scorer {self._function} {reason}; it must return one score for each text.") from None
        finally:
            killer.cancel()


def function_file(function: str) -> Path:
    """Where the code of ``module:function`` is; nothing is imported or run.

    Raises:
        UserError: this is not ``module:function``, or there is no such module in the current folder or on Python's
            path.
    """
    module, colon, name = function.partition(":")
    if not (colon and name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise UserError(f"The scorer {function!r} is not of the form module:function, such as my_scorer:score.")
    places: Sequence[str] | None = [str(Path.cwd()), *sys.path]
    for part in module.split("."):
        spec = PathFinder.find_spec(part, places) if places is not None else None
        places = spec and spec.submodule_search_locations
    if not (spec and spec.origin):
        raise UserError(
            f"The scorer {function!r} names the module {module!r}, which is neither in the current folder nor on "
            "Python's path."
        )
    return Path(spec.origin)


def _kill_group(pid: int, is_late: Event) -> None:
    """With all that the function has started; the child has not yet a group of its own if it has only just begun."""
    is_late.set()
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):  # It may also have ended by itself at this moment.
            kill(pid, signal.SIGKILL)
            return
