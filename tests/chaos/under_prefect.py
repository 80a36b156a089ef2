"""SIGKILL of the flow process, the worker or the server while a worker spends a night; then the deployment runs again.

A server and a worker of our own, prepared by `python -m deployments.bootstrap`; what was killed is started again, as
systemd would do. A flow process may outlive its server, and for a while its worker: the next night waits for its end.
Moments are CPU time of the flow process, so that they fall into the night however busy the machine is.
"""

import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tasks.settings.base import Settings
from tests.chaos.attempt import cpu_seconds
from tests.chaos.kills import differences, problems, say
from tests.chaos.night import Scene
from tests.deployments.conftest import QUIET, free_port

NIGHTLY = "reunlearn/nightly"
VICTIMS = ("flow process", "worker", "server")
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
PATIENCE_S = 1800.0
"""Beyond it something hangs, on the busiest machine."""


class Services:
    """A server and a worker that can be killed and started again.

    Args:
        folder: Of the server's database, of the logs, and where the worker works.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._port = free_port()
        api = f"http://127.0.0.1:{self._port}/api"
        self._client = httpx.Client(base_url=api, timeout=60)
        home = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": api}
        self.environment = os.environ | QUIET | home | {"PYTHONPATH": str(Path(__file__).parents[2])}
        self._running: dict[str, subprocess.Popen] = {}
        self.start("server")
        subprocess.run([sys.executable, "-m", "deployments.bootstrap"], env=self.environment, cwd=folder, check=True)
        self.start("worker")

    def start(self, name: str) -> None:
        told = {
            "server": ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)],
            "worker": ["worker", "start", "--pool", "reveal-release", "--limit", "1"],
        }[name]
        command = [sys.executable, "-m", "prefect", *told]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, env=self.environment, cwd=self._folder, stdout=log, stderr=log
            )
        if name == "server":
            wait_for(self._is_healthy)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def stop(self) -> None:
        for name in ("worker", "server"):
            self._running[name].terminate()
            self._running[name].wait(60)

    def submit(self, deployment: str, settings: Settings) -> str:
        """Have the worker run a flow; returns the id of the flow run."""
        number = self.ask("GET", f"/deployments/name/{deployment}")["id"]
        told = {"parameters": {"settings": settings.model_dump(mode="json")}, "state": {"type": "SCHEDULED"}}
        told["idempotency_key"] = str(uuid4())
        return self.ask("POST", f"/deployments/{number}/create_flow_run", told)["id"]

    def is_over(self, flow_run: str) -> bool:
        return self.state(flow_run) in OVER

    def state(self, flow_run: str) -> str:
        return self.ask("GET", f"/flow_runs/{flow_run}")["state_type"]

    def call_crashed(self, flow_run: str) -> None:
        """What the automation for silent runs does after ten minutes: it frees the place in the queue."""
        if not self.is_over(flow_run):
            self.ask("POST", f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CRASHED"}, "force": True})

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        # A busy server on SQLite says 503 where its database was locked; Prefect's own client asks again as well.
        while (answer := self._client.request(method, path, json=content)).status_code == 503:
            time.sleep(1)
        return answer.raise_for_status().json()

    def _is_healthy(self) -> bool:
        try:
            return self._client.get("/health").is_success
        except httpx.HTTPError:
            return False


def disturbed(prepared: Path, folder: Path, kills: int, chance: random.Random) -> Iterator[list[str]]:
    """Kill so many times, each victim in turn; yields what was wrong after each."""
    with ExitStack() as stack:
        services = Services(folder)
        stack.callback(services.stop)
        whole = Scene(prepared, folder / "whole").begin()
        length_s = finish(services, whole)
        whole.check_finished()
        say(f"undisturbed: {length_s:.1f} CPU-s, {len(whole.ends())} units", [])
        for number in range(1, kills + 1):
            victim, share = VICTIMS[number % 3], 0.95 * (number - chance.random()) / kills
            scene = Scene(prepared, folder / "killed").begin()
            flow_run = services.submit(NIGHTLY, scene.settings)
            wait_for(lambda scene=scene: holder(scene))
            pid = holder(scene)
            used_s = follow(pid, until_s=share * length_s)
            is_over = cpu_seconds(pid) is None
            if victim != "flow process":
                services.kill(victim)
            elif not is_over:
                os.kill(pid, signal.SIGKILL)
            wrong, finished = problems(scene.check_published), scene.ends()
            if victim != "flow process":
                services.start(victim)
            follow(pid)
            num_later = len(scene.ends()) - len(finished)
            wrong += problems(scene.check_published)
            services.call_crashed(flow_run)
            finish(services, scene)
            wrong += differences(scene, whole, finished)
            when = "after its end" if is_over else f"at CPU second {used_s:.1f}"
            say(f"kill {number} of the {victim} {when}, {len(finished)} units finished, {num_later} after", wrong)
            shutil.rmtree(scene.folder)
            yield wrong


def finish(services: Services, scene: Scene) -> float:
    """Spend a night to its end; returns the CPU time that its work took."""
    flow_run = services.submit(NIGHTLY, scene.settings)
    wait_for(lambda: holder(scene) or services.is_over(flow_run))
    used_s = follow(holder(scene))
    wait_for(lambda: services.is_over(flow_run))
    assert services.state(flow_run) == "COMPLETED", services.state(flow_run)
    return used_s


def follow(pid: int, until_s: float = math.inf) -> float:
    """Wait until a process has used so much more CPU time, or has ended; returns what it used."""
    began = last = cpu_seconds(pid) or 0.0

    def is_there() -> bool:
        nonlocal last
        used = cpu_seconds(pid)
        last = last if used is None else used
        return used is None or last - began >= until_s

    wait_for(is_there)
    return last - began


def holder(scene: Scene) -> int:
    """Process id of the night that is going on; 0: none is."""
    lock = scene.production.parent / "record" / ".lock"
    text = lock.read_text() if lock.exists() else ""
    pid = int(text.partition('"pid": ')[2].partition(",")[0] or 0)
    return pid if pid and cpu_seconds(pid) is not None else 0


def wait_for(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.2)
