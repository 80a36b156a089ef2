"""Runs programs one after another, each in a fresh jail, its tests in a second one. A process of its own: `main`.

It reads no program and no tests itself: each inmate takes its own from the request pipe, so that what a program can
find in its memory holds no tests. Standard library only.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from tasks.sandbox.frames import FrameError, receive, send
from tasks.sandbox.jail import JailError, adopt_orphans, die_with_parent, enter, require_jail
from tasks.sandbox.judge import Program, judge
from tasks.sandbox.limits import Limits
from tasks.sandbox.program import run_program

NEXT = b"."
"""Stands before each program and its tests: there is one more."""

_REQUESTS, _OUTCOMES = 0, 1
_READY = b"ready"
_LONGEST_ESCAPE = 16  # bytes of JSON for one character, and some for the rest of a request
_MOST_DESCRIPTORS = 64  # the warden opens a dozen

Inmate = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Answer requests from standard input on standard output until the input ends, or no jail can be had.

    In: a frame with the limits, then for each trial `NEXT`, a frame with the program and one with the tests.
    Out: a frame for each trial, ``{"status", "detail", "output"}``, or ``{"refused"}`` and the end.
    """
    die_with_parent()
    adopt_orphans()  # an inmate whose keeper was killed is reaped here: it is gone when that is done
    os.environ.clear()  # the interpreter sets its own locale
    limits = Limits(*receive(_REQUESTS, most=4096))
    while os.read(_REQUESTS, 1) == NEXT:
        try:
            outcome = _try(limits)
        except JailError as error:
            outcome = {"refused": str(error)}
        send(_OUTCOMES, outcome)
        if "refused" in outcome:
            return


def _try(limits: Limits) -> dict[str, str]:
    """Both inmates of one trial until the verdict, the end of the tests or the deadline; then both are gone."""
    calls, answers, output, verdict = (os.pipe() for _ in range(4))
    most = limits.message_bytes

    def be_program(request: Mapping[str, Any]) -> None:
        run_program(**request, calls=calls[0], answers=answers[1], message_bytes=most)

    def be_judge(request: Mapping[str, Any]) -> None:
        program = Program(calls=calls[1], answers=answers[0], message_bytes=most)
        send(verdict[1], judge(**request, program=program))

    keepers: list[int] = []
    try:
        deadline = time.monotonic() + limits.wall_s
        _start(be_program, {calls[0], answers[1]}, output[1], limits, keepers)
        _start(be_judge, {calls[1], answers[0], verdict[1]}, output[1], limits, keepers)
        for end in (*calls, *answers, output[1], verdict[1]):
            os.close(end)
        status, detail, printed = _watch(verdict[0], output[0], deadline, limits)
    finally:
        _end(keepers)
    os.close(verdict[0])
    os.close(output[0])
    return {"status": status, "detail": detail, "output": printed.decode(errors="replace")}


def _start(inmate: Inmate, keep: Collection[int], output: int, limits: Limits, keepers: list[int]) -> None:
    """Fork an inmate; return when it is in its jail and has taken its request."""
    answer, is_ready = os.pipe()
    keeper = os.fork()
    if not keeper:
        _be_inmate(inmate, keep, output, limits, is_ready)
    keepers.append(keeper)
    os.close(is_ready)
    said = os.read(answer, 400)
    os.close(answer)
    if said != _READY:
        raise JailError(said.decode() or "its first process died")


def _be_inmate(inmate: Inmate, keep: Collection[int], output: int, limits: Limits, is_ready: int) -> NoReturn:
    try:
        enter(limits)
        require_jail()
        request = receive(_REQUESTS, most=_LONGEST_ESCAPE * 2 * limits.message_bytes)
        nothing, end = os.pipe()
        os.close(end)
        for own, end in ((0, nothing), (1, output), (2, output)):
            os.dup2(end, own)
        os.write(is_ready, _READY)
        _close_all_but(keep)
        inmate(request)
    except JailError as error:
        os.write(is_ready, str(error).encode()[:400])
    finally:
        os._exit(0)


def _close_all_but(keep: Collection[int]) -> None:
    for descriptor in range(3, _MOST_DESCRIPTORS):  # os.closerange closes everything where its range from 0 is empty
        if descriptor not in keep:
            with suppress(OSError):
                os.close(descriptor)


def _watch(verdict: int, output: int, deadline: float, limits: Limits) -> tuple[str, str, bytes]:
    """Status, detail and the first of what was printed."""
    printed, watched = b"", [verdict, output]
    while True:
        ready, _, _ = select.select(watched, [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return "stopped", f"out of time after {limits.wall_s:g} s", printed
        if output in ready:
            part = os.read(output, 65536)
            printed = (printed + part)[: limits.output_bytes]
            if not part:
                watched = [verdict]
        elif verdict in ready:  # only when everything printed so far is read
            try:
                why = receive(verdict, most=4096)
            except FrameError:
                return "stopped", "the tests were stopped at a limit", printed
            return "failed" if why else "passed", why, printed


def _end(keepers: Collection[int]) -> None:
    """Kill the jails and wait until every process in them is gone."""
    for keeper in keepers:
        os.kill(keeper, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
