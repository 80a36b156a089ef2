import gc
import os
import signal
import subprocess
import sys
from threading import Timer, main_thread

import pytest
import torch

from tasks.models.child_process import ChildError, ChildProcess
from tasks.settings.errors import UserError
from tests.tasks.models.processes import gone_within, is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

MODULE = "tests.tasks.models.echo_child"
PARENT = f"""
import time
from tasks.models.child_process import ChildProcess
child = ChildProcess("{MODULE}")
child.ask({{"do": "echo", "text": ""}})
print(child.pid, flush=True)
"""


@pytest.fixture
def child():
    child = ChildProcess(MODULE)
    yield child
    child.close()


def test_requests_and_tensors_arrive_and_what_is_printed_does_not_disturb(child):
    tensors = {"0": torch.arange(4.0), "1": torch.ones(2, 3, dtype=torch.bfloat16)}
    assert child.ask({"do": "echo", "text": "grün"}, tensors) == {"said": "grün", "sums": {"0": 6.0, "1": 6.0}}
    assert child.ask({"do": "echo", "text": ""}) == {"said": "", "sums": {}}


def test_a_refusal_is_the_users_and_a_failure_one_line_and_the_child_goes_on(child):
    with pytest.raises(UserError, match=r"^this cannot be\.$"):
        child.ask({"do": "refuse"})
    with pytest.raises(ChildError, match=r"^KeyError: 'no\\n such thing'$"):
        child.ask({"do": "fail"})
    assert child.ask({"do": "echo", "text": "still here"})["said"] == "still here"


@pytest.mark.parametrize(
    ("death", "words"), [("exit", r"^exit code 3: OSError: out of luck$"), ("kill", r"^killed by SIGKILL$")]
)
def test_a_death_is_told_with_the_childs_last_line(child, death, words):
    with pytest.raises(ChildError, match=words):
        child.ask({"do": death})
    assert not is_running(child.pid)


def test_a_module_that_does_not_start_is_told_too():
    with pytest.raises(ChildError, match=r"^exit code 1: .*No module named"):
        ChildProcess("tests.nowhere").ask({})


def test_closing_ends_it_and_so_does_collecting(child):
    child.ask({"do": "echo", "text": ""})
    child.close()
    child.close()
    assert not is_running(child.pid)
    forgotten = ChildProcess(MODULE)
    pid = forgotten.pid
    del forgotten
    gc.collect()
    assert not is_running(pid)


@pytest.fixture
def interruptible():
    """A process that was started in the background ignores SIGINT, and Python leaves it at that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_question_ends_the_child(child, interruptible):
    child.ask({"do": "echo", "text": ""})
    Timer(0.2, signal.pthread_kill, [main_thread().ident, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        child.ask({"do": "sleep"})
    assert not is_running(child.pid)


@pytest.mark.parametrize("busy", [False, True])
def test_it_dies_with_a_parent_that_is_killed(busy, tmp_path):
    code = PARENT + ("child.ask({'do': 'sleep'})" if busy else "time.sleep(600)")
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # where a parent that is killed leaves its child's files
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.communicate()
    assert gone_within(pid, 10)


def test_it_dies_with_a_parent_that_just_ends():
    done = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=True)
    assert gone_within(int(done.stdout), 10)
