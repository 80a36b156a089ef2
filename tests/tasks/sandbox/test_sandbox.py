import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tasks.sandbox.jail import JailError, require_jail
from tasks.sandbox.limits import Limits
from tasks.sandbox.sandbox import Trial, run_trials
from tests.jail import needs_jail

pytestmark = needs_jail

ROOT = Path(__file__).parents[3]
DOUBLE = "def f(x):\n    return 2 * x"


def _outcome(program, test, **kwargs):
    (outcome,) = run_trials([Trial(program, "f", test=test, **kwargs)])
    return outcome


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (DOUBLE, "assert f(2) == 4 and f(x=3) == 6"),
        ("def f(x): return (x, {1: [x]}, {2.5}, None, True, 1j, b'b', 'ü', frozenset())", "assert f(2)[1] == {1: [2]}"),
        ("import collections\ndef f(x): return collections.Counter(x)", "assert f('aab') == {'a': 2, 'b': 1}"),
        ("def f(x): return type(x).__name__", "assert f((1,)) == 'tuple' and f({1}) == 'set' and f([]) == 'list'"),
        ("import re\ndef f(x): return re.search('a', x)", "assert f('a') and not f('b')"),
        ("def f(x): return float('inf')", "assert f(1) > 1e308"),
        ("def f(x): raise ValueError(x)", "try:\n    f(1)\nexcept Exception:\n    pass\nelse:\n    assert False"),
        ("def f(x):\n    open('a', 'w').write(x)\n    return open('a').read()", "assert f('note') == 'note'"),
        ("import hashlib, random, heapq, decimal\ndef f(x): return 2", "assert f(1) == 2"),
        ("if __name__ == '__main__': raise SystemExit\ndef f(x): return 2", "assert f(1) == 2"),
    ],
)
def test_a_right_program_passes(program, test):
    assert _outcome(program, test).status == "passed"


def test_it_does_not_depend_on_the_umask_of_the_caller():
    """Our commands set a private one; modules that are libraries, such as hashlib's, are read in the jail."""
    before = os.umask(0o077)
    try:
        assert _outcome("import hashlib\ndef f(x): return 2", "assert f(1) == 2").status == "passed"
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("program", "test", "why"),
    [
        (DOUBLE, "assert f(2) == 5", "AssertionError"),
        ("def f(x): return 1 / 0", "f(1)", "ZeroDivisionError"),
        ("def f(x): return object()", "assert f(1) == 2", "AssertionError"),
        ("def f(x): return object()", "assert abs(f(1) - 2) < 1", "TypeError"),
        ("def f(x", "f(1)", "SyntaxError"),
        ("import os\nos._exit(0)", "f(1)", "ended by itself"),
        (DOUBLE, "assert f(1) == g(1)", "NameError"),
        # Tests that swallow errors do not excuse a program that died.
        ("import os\ndef f(x): os._exit(0)", "try:\n    f(1)\nexcept Exception:\n    pass", "ended by itself"),
    ],
)
def test_a_wrong_program_fails(program, test, why):
    outcome = _outcome(program, test)
    assert outcome.status == "failed"
    assert why in outcome.detail


def test_what_the_tests_rely_on_is_not_the_programs():
    outcome = _outcome(
        "def f(x): return 0\ndef near(a, b): return True",
        "assert near(f(1), 2)",
        preamble="import math\ndef near(a, b): return math.isclose(a, b)",
    )
    assert outcome.status == "failed"


def test_a_program_that_need_only_run():
    ran, raised = run_trials([Trial("x = 1"), Trial("raise ValueError")])
    assert (ran.status, raised.status) == ("passed", "failed")


def test_outcomes_keep_the_order_and_the_beginning_of_what_was_printed():
    trials = [Trial(f"print({number}, 'x' * 9999)") for number in range(6)]
    outcomes = run_trials(trials, parallel=3)
    assert [outcome.output.split()[0] for outcome in outcomes] == list("012345")
    assert {len(outcome.output) for outcome in outcomes} == {Limits().output_bytes}


def test_no_program_reaches_the_next_one():
    left, found = run_trials(
        [
            Trial("open('note', 'w').write('x'); import builtins, sys; builtins.note = sys.note = 1"),
            Trial("import os, builtins, sys\nassert not os.listdir('.') and not hasattr(builtins, 'note')"),
        ],
        parallel=1,
    )
    assert (left.status, found.status) == ("passed", "passed")


def test_a_program_that_is_too_long_is_not_run():
    (outcome,) = run_trials([Trial("#" * (Limits().message_bytes + 1))])
    assert outcome.status == "failed"
    assert "longer than" in outcome.detail


def test_a_long_program_in_any_script_is_run():
    characters = Limits().message_bytes - 100
    (outcome,) = run_trials([Trial(f"x = '{chr(0x1F600) * characters}'\nassert len(x) == {characters}")])
    assert outcome.status == "passed", outcome


def test_no_trials_no_outcomes():
    assert run_trials([]) == []


def test_the_processor_limit_alone_stops_a_loop():
    (outcome,) = run_trials([Trial("while True: pass")], limits=Limits(cpu_s=1, wall_s=60))
    assert outcome.status == "failed", "by the clock it would have been stopped"


def test_tests_that_do_not_end_are_stopped():
    (outcome,) = run_trials([Trial(DOUBLE, "f", test="while True: pass")], limits=Limits(cpu_s=9, wall_s=0.5))
    assert outcome.status == "stopped"
    assert "out of time" in outcome.detail


@pytest.mark.parametrize("place", ["preamble", "test"])
@pytest.mark.parametrize(
    "harm",
    [
        "assert open({secret!r}).read() == 'a secret'",
        "open({mark!r}, 'w').write('here')",
        "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "import subprocess; subprocess.run(['/bin/sh', '-c', 'true'], check=True)",
        "import os; assert os.environ['HOME']",
    ],
    ids=["read", "write", "connect", "run", "environment"],
)
def test_tests_and_what_they_rely_on_are_locked_up_too(place, harm):
    """They are of a file from outside, and would pass if the harm were done."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        Path(folder).chmod(0o777)
        secret, mark = Path(folder) / "secret", Path(folder) / "ran"
        secret.write_text("a secret")
        secret.chmod(0o666)
        code = harm.format(secret=str(secret), mark=str(mark), port=server.getsockname()[1])
        (outcome,) = run_trials([Trial(DOUBLE, "f", **{place: code})])
        assert outcome.status != "passed", outcome
        assert not mark.exists()


def test_outside_of_a_jail_nothing_is_run():
    """What the warden asks after it has locked an inmate up: a program run with our rights may remove everything."""
    with pytest.raises(JailError, match="the process is not locked up"):
        require_jail()


def test_nothing_runs_where_a_layer_is_missing():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root, who can give up the right to make namespaces")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # So that whatever runs, as whatever user, could leave its mark.
        mark = Path(folder) / "ran"
        program = f"open({str(mark)!r}, 'w').write('here')"
        code = f"from tasks.sandbox.sandbox import Trial, run_trials; run_trials([Trial({program!r})])"
        command = ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-c", code]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert not mark.exists()
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("tasks.settings.errors.UserError: programs a model wrote are not run: ")
    assert "layer network" in last


def test_an_unprivileged_user_gets_every_layer(request):
    """The same sandbox from a copy that user can read, with an interpreter that user can start."""
    python = "/usr/bin/python3"
    if os.geteuid() != 0 or not shutil.which("setpriv") or not Path(python).exists():
        pytest.skip("needs root, setpriv and the system's python3")
    # Not below pytest's own folder: another session that starts makes that one private again.
    copy = Path(tempfile.mkdtemp(prefix="reveal-release-"))
    request.addfinalizer(lambda: shutil.rmtree(copy))
    for folder in ("sandbox", "settings"):
        shutil.copytree(ROOT / "tasks" / folder, copy / "tasks" / folder)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755)
    code = (
        "from tasks.sandbox.sandbox import *\n"
        "print(len(active_layers()))\n"
        "bad = 'import os\\ndef f(x):\\n    os.fork()\\n    return 4'\n"
        "good = 'def f(x): return 2 * x'\n"
        'print([o.status for o in run_trials([Trial(p, "f", test="assert f(2) == 4") for p in (good, bad)])])\n'
    )
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", code]
    ran = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split("\n")[:2] == ["7", "['passed', 'failed']"], ran.stderr


def test_programs_go_with_the_process_that_started_them():
    code = "from tasks.sandbox.sandbox import Trial, run_trials; run_trials([Trial('import time; time.sleep(60)')])"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while len(_descendants(parent.pid)) < 5 and time.monotonic() < deadline:  # warden, two keepers, two inmates
            time.sleep(0.05)
        family = _descendants(parent.pid)
        assert len(family) == 5
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 30
    while any(map(_is_alive, family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_alive, family))


def _descendants(pid):
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for task in Path(f"/proc/{pid}/task").iterdir():  # the warden is the child of a thread
        children += [int(child) for child in (task / "children").read_text().split()]
    children = list(dict.fromkeys(children))
    return children + [found for child in children for found in _descendants(child)]


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
