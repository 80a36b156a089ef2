"""The inmate that runs the tests. It never runs the program: it calls it through a pipe and gets data back.

So a program cannot reach the verdict: it has neither the tests, nor their interpreter, nor the pipe they answer on.
Standard library only.
"""

from typing import Any

from tasks.sandbox.frames import FrameError, receive, send
from tasks.sandbox.plain_values import from_json, to_json


class ProgramError(Exception):
    """The program raised, or sent what is no answer, or is gone."""


class Program:
    """The tested function as the tests see it.

    Args:
        calls: File descriptor to write calls to.
        answers: File descriptor to read answers from.
        message_bytes: Longest call or answer.
    """

    def __init__(self, *, calls: int, answers: int, message_bytes: int):
        self._calls, self._answers, self._most = calls, answers, message_bytes
        self.broken = ""
        """Why the program can't be called any more; empty while it can."""

    def started(self) -> None:
        """Wait until the program has run.

        Raises:
            ProgramError: it raised, or is gone.
        """
        try:
            self._answer()
        except ProgramError as error:
            self.broken = str(error)
            raise

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns: a plain value, or an `Opaque` in its place.

        Raises:
            ProgramError: it raised, sent what is no answer, or is gone.
        """
        if self.broken:
            raise ProgramError(self.broken)
        call = {"args": to_json(list(args)), "kwargs": to_json(kwargs)}
        try:
            send(self._calls, call)
        except OSError:
            self.broken = "the program ended by itself or was stopped at a limit"
            raise ProgramError(self.broken) from None
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = receive(self._answers, most=self._most)
        except FrameError as error:
            self.broken = f"the program ended by itself or was stopped at a limit ({error})"
            raise ProgramError(self.broken) from None
        try:
            if "raised" in answer:
                raise ProgramError(str(answer["raised"])[:200])
            return from_json(answer["value"])
        except (ValueError, TypeError, KeyError, RecursionError):
            self.broken = "the program sent what is no answer"
            raise ProgramError(self.broken) from None


def judge(*, preamble: str, entry_point: str, test: str, program: Program) -> str:
    """Empty where the program ran and passed its tests, else why not.

    Args:
        preamble: Trusted code the tests rely on: imports, helpers.
        entry_point: The name under which the tests call the program.
        test: Code that raises where the program is wrong.
        program: The tested function.
    """
    namespace: dict[str, Any] = {"__name__": "tests"}
    try:
        program.started()
        exec(compile(preamble, "preamble.py", "exec"), namespace)  # noqa: S102 - in a jail too
        namespace[entry_point] = program
        exec(compile(test, "test.py", "exec"), namespace)  # noqa: S102
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return program.broken  # tests that swallow errors do not excuse a program that died
