"""What Prefect costs: the wall time of one small run under it, beside that of the same units called plainly.

    python -m benchmarks.orchestration [--folder runs/orchestration]

Prints markdown. The run is the same each time (preset `lab-toxicity`, far too small to forget anything), in a folder
and a process of its own: as plain functions, under the embedded server, under a local server, and by a worker. Plainly
it is run before and after the others, for a machine that others use as well; ratios are to the mean of the two. What
importing takes, and starting and stopping the server, is told apart.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.plainly import without_prefect
from flows.command import prepare_prefect
from flows.command_line import read_arguments
from flows.run_settings import RunSettings
from tests.chaos.under_prefect import Services, wait_for
from tests.flows.conftest import SMALL

PLAIN, EMBEDDED, SERVER, WORKER = "called plainly", "embedded server", "local server", "local server and worker"


def settings_of(runs_dir: Path) -> RunSettings:
    given = ["--preset", "lab-toxicity", "--runs-dir", str(runs_dir), *SMALL]
    return read_arguments(given, program="", description="").settings


def child(way: str, runs_dir: Path, began: float) -> None:
    """One run; prints the seconds of importing, of starting the server, and of the run."""
    settings = settings_of(runs_dir)
    prepare_prefect(settings.runs_dir)
    import torch
    from prefect import flow

    import tasks.assess.measure
    import tasks.release.step
    import tasks.release.training  # noqa: F401
    from flows.reveal_release import reveal_release

    torch.set_num_threads(1)
    imported = time.time()
    if way == PLAIN:
        ready, cpu_s = time.time(), time.process_time()
        with without_prefect():
            reveal_release(settings)
    else:
        flow(lambda: None, name="nothing")()  # The first flow run starts the embedded server, or finds the other.
        ready, cpu_s = time.time(), time.process_time()
        reveal_release(settings, return_state=True)
    told = {"importing": imported - began, "starting": ready - imported, "run": time.time() - ready}
    print(json.dumps(told | {"cpu": time.process_time() - cpu_s, "ended": time.time()}))


def in_process(way: str, folder: Path, environment: dict[str, str]) -> dict[str, float]:
    began = time.time()
    command = [sys.executable, "-m", "benchmarks.orchestration", "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--way", way, "--began", str(began)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return told | {"stopping": time.time() - told.pop("ended")}


def by_worker(services: Services, runs_dir: Path) -> dict[str, float]:
    """Submitted to the server; the run is what Prefect itself says it took, all else is before it."""
    began = time.time()
    flow_run = services.submit("reveal-release/by-hand", settings_of(runs_dir))
    wait_for(lambda: services.is_over(flow_run))
    told: dict[str, Any] = services.ask("GET", f"/flow_runs/{flow_run}")
    start, end = (datetime.fromisoformat(told[name]).timestamp() for name in ("start_time", "end_time"))
    return {"importing": start - began, "run": end - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/orchestration"))
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    if arguments.way:
        child(arguments.way, folder, arguments.began)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    rows = [(PLAIN, in_process(PLAIN, folder / "before", environment))]
    rows.append((EMBEDDED, in_process(EMBEDDED, folder / "embedded", environment)))
    began = time.time()
    services = Services(folder)
    services_s = time.time() - began
    try:
        rows.append((SERVER, in_process(SERVER, folder / "server", services.environment)))
        rows.append((WORKER, by_worker(services, folder / "worker")))
    finally:
        services.stop()
    rows.append((PLAIN, in_process(PLAIN, folder / "after", environment)))

    plain_s = sum(times["run"] for way, times in rows if way == PLAIN) / 2
    print("| the run | s | ratio | CPU-s | importing, s | starting the server, s | stopping, s |")
    print("|---|---|---|---|---|---|---|")
    for way, times in rows:
        cells = [
            f"{times[name]:.1f}" if name in times else "-" for name in ("cpu", "importing", "starting", "stopping")
        ]
        print(f"| {way} | {times['run']:.1f} | {times['run'] / plain_s:.2f} | {' | '.join(cells)} |")
    print(
        f"\nserver, bootstrap and worker together were up after {services_s:.0f} s; of the worker's run `importing` is"
    )
    print("all from its submission to its start: polling, a process, imports. CPU-s are those of the flow's process.")


if __name__ == "__main__":
    main()
