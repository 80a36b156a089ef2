import json
import signal
import subprocess
import sys

import pytest

from tasks.lab import sandbox
from tasks.lab.sandbox import run_programs


def test_outputs_by_program_and_input():
    sources = ["def f(x): return x + 1", "def f(x): return 6 // x"]
    assert run_programs(sources, [0, 3]) == [["1", "4"], [None, "2"]]


def test_nothing_to_run_starts_no_child(monkeypatch):
    monkeypatch.setattr(sandbox, "_run_child", None)
    assert run_programs([], [1]) == []


def test_source_without_the_function_has_no_outputs():
    assert run_programs(["x = 1", "def"], [0]) == [[None], [None]]


# The caller's whitelist refuses all of these; the child must hold without it.
@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return open('/tmp/x', 'w')",
        "def f(x): return __import__('os')",
        "def f(x): return [c for a in ().__class__.__base__.__subclasses__() if a.__name__ == '_IOBase'"
        " for b in a.__subclasses__() for c in b.__subclasses__() if c.__name__ == 'FileIO'][0]('/dev/null')",
    ],
)
def test_a_program_reaches_neither_builtins_nor_files(source):
    assert run_programs([source], [0]) == [[None]]


@pytest.mark.parametrize("body", ["([0] * 10**8)[0]", "[0] * 10**10", "9 ** 9 ** 9 ** 9", "f(x)"])
def test_memory_time_and_depth_are_limited(body):
    outputs = run_programs(["def f(x): return 1", f"def f(x): return {body}", "def f(x): return 2"], [0])
    assert outputs[0] == ["1"]
    assert outputs[1] in (None, [None])
    assert outputs[2] == ["2"]


def test_a_program_that_never_ends_is_stopped():
    looping = "def f(x):\n while True: pass"
    assert run_programs([looping, "def f(x): return 2"], [0]) == [None, ["2"]]


def test_the_processor_limit_alone_stops_a_loop():
    request = json.dumps({"sources": ["def f(x):\n while True: pass"], "inputs": [0]})
    command = [sys.executable, "-I", "-S", str(sandbox._CHILD)]
    ended = subprocess.run(command, input=request.encode(), capture_output=True, timeout=60, check=False)
    assert ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL), "by the clock it would have been stopped"
    assert ended.stdout == b""
