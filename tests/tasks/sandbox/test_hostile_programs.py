import os
import re
import resource
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.sandbox.jail import LAYERS
from tasks.sandbox.limits import MIB, Limits
from tasks.sandbox.sandbox import Outcome, Trial, active_layers, run_trials
from tests.jail import needs_jail

pytestmark = needs_jail

TEST = "assert f(1) == 2"
# A memory limit of our own: what a program left behind is known by it.
LIMITS = Limits(cpu_s=1, wall_s=3, memory_bytes=256 * MIB + 4096 * os.getpid())
_TEXT = Path(__file__).with_name("hostile_programs.txt").read_text()
PROGRAMS = dict(re.findall(r"^=== (.+)\n((?:(?!=== ).*\n)*)", _TEXT, re.MULTILINE))


@dataclass
class World:
    """What the programs can harm, and what became of them."""

    secret: Path
    outside: Path
    outcomes: dict[str, Outcome]
    connections: int


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    outside = tmp_path_factory.mktemp("outside")
    for folder in (outside, outside.parent, outside.parent.parent):
        folder.chmod(0o755)
    outside.chmod(0o777)
    secret = outside / "secret"
    secret.write_text("a secret")
    secret.chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as server:
        places = {"secret": secret, "outside": outside, "pid": os.getpid(), "port": server.getsockname()[1]}
        trials = [Trial(_fill(source, places), "f", test=TEST) for source in PROGRAMS.values()]
        outcomes = dict(zip(PROGRAMS, run_trials(trials, limits=LIMITS, parallel=2), strict=True))
        server.setblocking(False)
        connections = 0
        while True:
            try:
                server.accept()
                connections += 1
            except BlockingIOError:
                break
    return World(secret, outside, outcomes, connections)


def _fill(source: str, places: dict[str, object]) -> str:
    return re.sub(r"\{(secret|outside|pid|port)\}", lambda match: str(places[match[1]]), source)


def test_at_least_a_hundred_programs():
    assert len(PROGRAMS) >= 100
    assert _TEXT.count("\n=== ") == len(PROGRAMS)


def test_every_promised_layer_is_active():
    assert set(active_layers()) == set(LAYERS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_hostile_program_does_not_pass(world, name):
    outcome = world.outcomes[name]
    assert outcome.status != "passed", outcome
    assert outcome.seconds < LIMITS.wall_s + 3  # it did not outlive its limit; the rest is this machine's
    assert len(outcome.output) <= LIMITS.output_bytes


def test_nothing_is_left_outside(world):
    assert list(world.outside.iterdir()) == [world.secret]
    assert world.secret.read_text() == "a secret"
    assert world.connections == 0


def test_no_process_is_left(world):
    assert world.outcomes
    assert _processes_under(LIMITS.memory_bytes) == []


def test_a_process_that_was_left_would_be_found():
    limit = LIMITS.memory_bytes + 1
    with subprocess.Popen(
        ["sleep", "60"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    ) as left:
        assert _processes_under(limit) == [left.pid]
        left.kill()


def _processes_under(memory_limit):
    """Process ids, of whatever user and parent, that were started under this limit."""
    found = []
    for limits in Path("/proc").glob("[0-9]*/limits"):
        try:
            match = re.search(r"^Max address space +(\d+) ", limits.read_text(), re.MULTILINE)
        except OSError:  # gone, or another user's
            continue
        if match and int(match[1]) == memory_limit:
            found.append(int(limits.parent.name))
    return found
