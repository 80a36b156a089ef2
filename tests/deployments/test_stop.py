"""A flow run that is cancelled from outside while it works: its process goes, and the run goes on later."""

import json
import sys
from pathlib import Path

import pytest

from tasks.reveal.journal import JOURNAL
from tasks.store.lock import run_lock
from tests.deployments.conftest import WORKER, ask, background, wait_for
from tests.flows.conftest import run_command

pytestmark = [pytest.mark.prefect, pytest.mark.lab]

SERVE = (sys.executable, "-m", "deployments.serve")
SETTINGS = {
    "reveal": {
        "embedding": "hashed-ngrams", "pool_size": 60, "initial_queries": 4, "queries": 60, "keep": 2,
        "forget_set_size": 48,
    },
    "release": {"retain_size": 64, "steps": 2},
    "measure": {"goal": 0.03, "tune_prompts": 16, "report_prompts": 16},
}  # fmt: skip
"""A run whose search takes much longer than a cancellation does to arrive."""
FLAGS = tuple(
    word
    for group, values in SETTINGS.items()
    for name, value in values.items()
    for word in (f"--{group}.{name.replace('_', '-')}", str(value))
)


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number that is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def worker_of(run: Path) -> int | None:
    """The process that holds the run, once it has searched for a while."""
    if not list((run / "search.partial" / JOURNAL).glob("*.json")):
        return None
    return json.loads((run / ".lock").read_text())["pid"]


def by_hand(server: dict[str, str], log: Path, host: str) -> str | None:
    """The deployment, once the host takes runs of it."""
    if host == "serve" and b"being served" not in log.read_bytes():
        return None
    return ask(server, "GET", "deployments/name/reveal-release/by-hand")["id"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("host", ["worker", "serve"])
def test_a_run_that_is_cancelled_gives_back_its_memory_and_goes_on_later(server, workplace, tmp_path, host, request):
    if host == "worker":
        request.getfixturevalue("bootstrapped")
    name = f"cancelled-{host}"
    run = workplace / "runs" / name
    command = WORKER if host == "worker" else SERVE
    log = tmp_path / "host.log"
    with background(*command, environment=server, log=log, folder=workplace):
        deployment = wait_for(lambda: by_hand(server, log, host))
        told = {"parameters": {"settings": SETTINGS | {"name": name}}, "state": {"type": "SCHEDULED"}}
        flow_run = ask(server, "POST", f"deployments/{deployment}/create_flow_run", told)["id"]
        pid = wait_for(lambda: worker_of(run))
        ask(server, "POST", f"flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
        wait_for(lambda: not is_alive(pid))
        wait_for(lambda: ask(server, "GET", f"flow_runs/{flow_run}")["state_type"] == "CANCELLED")
    assert not (run / "search").exists(), "it was done before it could be cancelled"
    with run_lock(run / ".lock"):
        pass
    kept = {path.name: path.read_bytes() for path in (run / "search.partial" / JOURNAL).iterdir()}
    assert kept

    done = run_command("--runs-dir", str(workplace / "runs"), "--name", name, *FLAGS)
    assert done.returncode in (0, 3), done.stderr
    assert (run / "summary.json").exists()
