import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.settings.errors import UserError
from tasks.store.lock import queue_lock, run_lock

HOLD = """
import sys
from pathlib import Path
from tasks.store.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock ``tmp_path/runs/.lock`` until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "runs" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_busy_lock_names_its_holder(tmp_path, holder):
    path = tmp_path / "runs" / ".lock"
    with pytest.raises(UserError, match=rf"{path} is held by process {holder.pid} on \S+: wait"), run_lock(path):
        pytest.fail("two processes hold the lock")
    holder.communicate()  # It ends in its own time.
    with run_lock(path):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    path = tmp_path / "runs" / ".lock"
    with run_lock(path):
        assert f'"pid": {os.getpid()},' in path.read_text()
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_runs_within_may_ask_for_it_again(tmp_path):
    path = tmp_path / "other" / ".lock"
    with run_lock(path):
        with run_lock(path):
            pass
        assert json.loads(path.read_text())["pid"] == os.getpid(), "it is still held"
    assert path.read_text() == ""


def test_another_thread_of_the_process_may_not(tmp_path):
    path = tmp_path / ".lock"

    def ask(words):
        with pytest.raises(UserError, match=words), run_lock(path):
            pytest.fail("two threads hold the lock")
        return True

    with run_lock(path), ThreadPoolExecutor(1) as other:
        assert other.submit(ask, f"is held by process {os.getpid()} ").result()
        path.write_text("not written yet")
        assert other.submit(ask, "is held by another process").result()


def test_an_error_inside_releases_it(tmp_path):
    with pytest.raises(KeyError), run_lock(tmp_path / "lock"):
        raise KeyError
    with run_lock(tmp_path / "lock"):
        pass


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="cannot write in"), run_lock(tmp_path / "runs" / "lock"):
        pytest.fail("held")


class TestQueue:
    def test_it_waits_and_says_for_whom(self, tmp_path):
        path, said = tmp_path / "accelerator.lock", []
        code = HOLD.replace("run_lock(Path(sys.argv[1]))", "queue_lock(Path(sys.argv[1]), 'first', print)")
        command = [sys.executable, "-c", code.replace("import run_lock", "import queue_lock"), str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "held\n"

            def waiting(holder):
                said.append(holder)
                if len(said) == 2:
                    process.stdin.close()  # The first run ends in its own time.
                    process.wait()

            with queue_lock(path, "second", waiting):
                assert json.loads(path.read_text())["run"] == "second"
        assert len(said) == 2
        assert all(holder.startswith(f"run first, process {process.pid} on ") for holder in said)

    def test_what_runs_within_need_not_wait(self, tmp_path):
        def waiting(holder):
            pytest.fail(f"waits for {holder}, which is itself")

        with queue_lock(tmp_path / "lock", "run", waiting), queue_lock(tmp_path / "lock", "run", waiting):
            pass

    def test_an_interruption_ends_the_waiting(self, tmp_path, holder):
        def waiting(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), queue_lock(tmp_path / "runs" / ".lock", "run", waiting):
            pytest.fail("held")


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "from pathlib import Path; from tasks.settings.errors import UserError; from tasks.store.lock import run_lock\n"
        f"try:\n    with run_lock(Path({str(tmp_path / '.lock')!r})): pass\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"cannot write in {tmp_path}: File too large"), done.stderr
    with run_lock(tmp_path / ".lock"):
        pass
