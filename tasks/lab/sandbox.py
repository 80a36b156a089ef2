"""Runs functions that a model wrote, in a child process with limits on processor time, memory and wall-clock time.

The caller has already checked each source against a whitelist of syntax; the limits are the second fence.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_CHILD = Path(__file__).with_name("sandbox_child.py")
_DEADLINE_S = 30  # for the whole batch: a thousand honest programs take well under a second


def run_programs(sources: Sequence[str], inputs: Sequence[int]) -> list[list[str | None] | None]:
    """What each function ``f`` returns for each input, as text; None where it raises.

    A program that exhausts the limits takes only itself down: it gets None in place of its outputs, and the
    programs after it run in a fresh child.
    """
    outputs: list[list[str | None] | None] = []
    while len(outputs) < len(sources):
        lines = _run_child(json.dumps({"sources": sources[len(outputs) :], "inputs": inputs}))
        outputs += [json.loads(line) for line in lines]
        if len(outputs) < len(sources):
            outputs.append(None)
    return outputs


def _run_child(request: str) -> list[str]:
    """The lines that the child finished: one a program, fewer where a program was stopped."""
    command = [sys.executable, "-I", "-S", str(_CHILD)]  # -I: neither this folder nor the environment is on the path
    try:
        written = subprocess.run(  # noqa: S603
            command, input=request.encode(), capture_output=True, timeout=_DEADLINE_S
        ).stdout
    except subprocess.TimeoutExpired as expired:
        written = expired.stdout or b""
    return written.decode().split("\n")[:-1]  # what follows the last line break is a line cut short
