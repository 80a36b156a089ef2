import json
import signal
import subprocess
import sys
import time

import pytest

from flows import turn as turns
from flows.plan import Plan
from flows.run_settings import RunSettings
from flows.turn import accelerator_lock, deadline, turn
from tasks.settings.errors import UserError
from tasks.store.run import Run

HANGS = """
from flows import turn
turn.GRACE_S = 0.3
with turn.deadline(0.2 / 60):
    sum(range(10**13))  # Hours in C, with the GIL held and without a look at signals.
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REVEAL_RELEASE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(("device", "exclusive"), [("cuda", False), ("cpu", True)])
def test_a_run_that_uses_the_accelerator_has_it_alone(device, exclusive, tmp_path):
    plan = Plan(RunSettings(exclusive=exclusive), device=device)
    with turn(Run(tmp_path / "a-run"), plan), turn(Run(tmp_path / "a-run"), plan):
        assert json.loads(accelerator_lock(device).read_text())["run"] == "a-run"
    assert accelerator_lock(device).read_text() == ""


def test_a_small_run_on_a_cpu_waits_for_nobody(tmp_path):
    with turn(Run(tmp_path / "a-run"), Plan(RunSettings(), device="cpu")):
        assert not (tmp_path / "cache").exists()


def test_runs_on_two_gpus_do_not_wait_for_each_other(monkeypatch):
    one = accelerator_lock("cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert accelerator_lock("cuda") == one
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "../1")
    assert accelerator_lock("cuda") == one.with_name("accelerator-cuda1.lock")


def test_who_is_waited_for_is_logged_now_and_then_and_announced_once(monkeypatch):
    logged, announced, now = [], [], iter([0.0, 1.0, 61.0, 62.0])
    monkeypatch.setattr(turns, "monotonic", lambda: next(now))
    monkeypatch.setattr(turns, "announce", lambda *event: announced.append(event))

    class Logger:
        def info(self, words, *values):
            logged.append(words % values)

    monkeypatch.setattr(turns, "get_run_logger", Logger)
    waiting = turns._Waiting("second")
    for _ in range(4):
        waiting("run first, process 7 on a-host")
    assert logged == [
        f"waiting for the accelerator for {minutes} min; it is held by run first, process 7 on a-host"
        for minutes in (0, 1)
    ]
    assert announced == [("reveal-release.accelerator.awaited", "second", {"holder": "run first, process 7 on a-host"})]


class TestDeadline:
    def test_it_interrupts_what_blocks(self):
        before = signal.getsignal(signal.SIGALRM)
        with pytest.raises(UserError, match=r"deadline_minutes is 0\.005, .* goes on"), deadline(0.005):
            time.sleep(20)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is before

    def test_it_is_lifted_at_the_end(self):
        with deadline(0.002):
            pass
        time.sleep(0.2)

    def test_within_another_the_outer_one_counts(self):
        with deadline(5.0):
            with deadline(9.0):
                assert 200 < signal.getitimer(signal.ITIMER_REAL)[0] <= 300
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 200

    def test_none_is_set_for_zero(self):
        with deadline(0.0):
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

    def test_code_that_never_comes_back_is_ended_with_its_process(self):
        done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "Timeout" in done.stderr
